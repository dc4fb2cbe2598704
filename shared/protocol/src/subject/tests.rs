//! Each subject is built and parsed to the same.

use super::*;

fn ana() -> AccountName {
    AccountName::new("ana").unwrap()
}

#[test]
fn what_is_built_parses_back() {
    let server = ServerId::random();
    for verb in ClientVerb::ALL {
        assert_eq!(parse_client(&client(&ana(), verb)), Some((ana(), verb)));
        assert_eq!(
            parse_ms_client(&ms_client(server, verb, &ana())),
            Some(ana())
        );
    }
}

#[test]
fn a_task_on_its_way_home_names_its_account() {
    assert_eq!(parse_lb_outbox(&lb_outbox(&ana())), Some(ana()));
    let forwarded = ms_outbox(ServerId::random(), &ana());
    assert_eq!(parse_ms_outbox(&forwarded), Some(ana()));
    assert_eq!(parse_lb_outbox("yoshi.v1.lb.outbox.a.b"), None);
    assert_eq!(parse_ms_outbox("yoshi.v1.ms.x.outbox.*"), None);
}

#[test]
fn other_subjects_do_not_parse() {
    for subject in [
        "",
        "yoshi.v1.client.ana",
        "yoshi.v1.client.ana.fly",
        "yoshi.v1.client.Ana.poll",
        "yoshi.v1.client.*.poll",
        "yoshi.v1.client.ana.poll.more",
        "yoshi.v2.client.ana.poll",
    ] {
        assert_eq!(parse_client(subject), None, "{subject}");
    }
    for subject in [
        "yoshi.v1.ms.x.client-poll",
        "yoshi.v1.ms.x.poll.ana",
        "yoshi.v1.ms.x.client-poll.a.b",
    ] {
        assert_eq!(parse_ms_client(subject), None, "{subject}");
    }
}

#[test]
fn only_replies_of_clients_are_forwarded() {
    assert_eq!(
        forwarded_reply("_R_.jshZqG.xjJReU").as_deref(),
        Some("yoshi.v1.reply.jshZqG.xjJReU")
    );
    for reply in [
        "",
        "_R_.",
        "_R_.a",
        "_R_..b",
        "_R_.a.",
        "_R_.a.b.c",
        "_R_.*.>",
    ] {
        assert_eq!(forwarded_reply(reply), None, "{reply}");
    }
    assert_eq!(forwarded_reply("_INBOX_operator.a.b"), None);
}

#[test]
fn patterns_agree_with_the_builders() {
    let id = ServerId::random();
    let built = [
        (Opcode::TaskToMs, block(Role::Ms, id)),
        (Opcode::AccountToRs, block(Role::Rs, id)),
        (Opcode::PollMs, poll_log(Role::Ms, id)),
        (Opcode::PollRs, poll_log(Role::Rs, id)),
        (Opcode::ClientPollMs, client(&ana(), ClientVerb::Poll)),
        (Opcode::TaskFromClient, client(&ana(), ClientVerb::Task)),
        (Opcode::ChangeTask, client(&ana(), ClientVerb::Change)),
        (Opcode::TaskHistory, client(&ana(), ClientVerb::History)),
        (Opcode::FindTasks, client(&ana(), ClientVerb::Find)),
        (Opcode::NewAcct, client(&ana(), ClientVerb::NewAccount)),
        (Opcode::LogIn, client(&ana(), ClientVerb::LogIn)),
        (Opcode::LogOut, client(&ana(), ClientVerb::LogOut)),
        (
            Opcode::ChangePassword,
            client(&ana(), ClientVerb::ChangePassword),
        ),
        (Opcode::AuthClient, rs(id, RsVerb::Auth)),
        (Opcode::RsHeartbeat, rs(id, RsVerb::Heartbeat)),
        (Opcode::LookupAccounts, rs(id, RsVerb::LookupAccounts)),
        (Opcode::ListAccounts, rs(id, RsVerb::ListAccounts)),
        (Opcode::SetAccount, rs(id, RsVerb::SetAccount)),
        (Opcode::CompareMs, ms(id, MsVerb::Compare)),
        (Opcode::OutboxToHome, lb_outbox(&ana())),
        (Opcode::DrainMs, ms(id, MsVerb::Drain)),
        (Opcode::ResyncMs, ms(id, MsVerb::Resync)),
    ];
    for (opcode, subject) in built {
        let filled = pattern(opcode)
            .replace("<id>", &id.to_string())
            .replace("<account>", "ana");
        assert_eq!(subject, filled, "{opcode}");
    }
}
