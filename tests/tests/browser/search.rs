//! The website's search finds what every other client finds: the servers search.

use yoshi_client::{Client, Filter, List, Query};
use yoshi_protocol::{AccountName, Answer, Credential, NewTask, Password, Verb};
use yoshi_tests::{Person, SystemSettings, eventually};

use crate::browser::{Browser, SEEN_WITHIN};
use crate::website::{PASSWORD, Website};

/// Accents, capitals, compatibility forms, scripts without blanks, beginnings,
/// several words, what is finished, sent, or only said in a comment; and what has no word.
const TEXTS: [&str; 18] = [
    "uber",
    "ÜBER",
    "Fluß",
    "cafe",
    "café",
    "file",
    "東京",
    "京",
    "plan",
    "plan off",
    "off plan",
    "offs",
    "spoken",
    "label-x",
    "ben",
    "-plan",
    "\"plan offsite\"",
    "absent",
];

/// The titles that a client finds, in both lists, the latest first.
async fn found(client: &Client, who: &Person, text: &str) -> Vec<String> {
    let mut tasks = Vec::new();
    for list in [List::Inbox, List::Sent] {
        let query = Query::new(Filter {
            text: Some(text.to_owned()),
            ..Filter::of(list)
        });
        let page = client.find(&who.name, &who.credential, &query).await;
        tasks.extend(page.unwrap_or_else(|error| panic!("{text}: {error}")).tasks);
    }
    tasks.sort_by_key(|task| std::cmp::Reverse(task.position));
    tasks.dedup_by_key(|task| task.position);
    tasks.into_iter().map(|task| task.new_task.title).collect()
}

async fn fill(client: &Client, ana: &Person, ben: &Person) {
    let both = [ana.name.clone(), ben.name.clone()];
    for (title, body, label) in [
        ("Über den Fluß", "", "label-x"),
        ("Cafe\u{301} or CAFÉ", "", "a"),
        ("ﬁle the form", "", "b"),
        ("東京 へ行く", "", "c"),
        ("Plan the offsite", "in *Lisbon*", "d"),
        ("Done with planning", "", "e"),
    ] {
        for (from, to) in [(ana, &both[1..]), (ben, &both[..1]), (ana, &both[..1])] {
            let mut task = NewTask::new(format!("{title} of {}", from.name), to.to_vec());
            task.body = body.to_owned();
            task.labels = vec![label.to_owned()];
            let id = task.id;
            let sent = client.send(&from.name, &from.credential, task).await;
            sent.expect("it is sent");
            let text = "spoken about".to_owned();
            from.change(client, id, Verb::Comment { text }).await;
            if title.starts_with("Done") && *to == both[..1] {
                let text = String::new();
                let done = Verb::Complete(Answer::Done { text });
                ana.change(client, id, done).await;
            }
        }
    }
}

#[tokio::test]
async fn the_website_finds_what_other_clients_find() {
    let Some(website) = Website::alone(SystemSettings::default()).await else {
        return;
    };
    let mut browser = Browser::open(&website).await;
    browser.register("ana").await;
    let client = website.client().await;
    let name = AccountName::new("ana").unwrap();
    let password = Password::new(PASSWORD.to_owned());
    let ana = Person::log_in(&client, name, password).await;
    let ben = Person::register(&client, "ben").await;
    fill(&client, &ana, &ben).await;
    eventually(
        "everything is looked through",
        SEEN_WITHIN,
        async || match found(&client, &ana, "of").await.len() {
            18 => Ok(()),
            other => Err(other),
        },
    )
    .await;
    let mut some = 0;
    for text in TEXTS {
        let expected = found(&client, &ana, text).await;
        some += usize::from(!expected.is_empty());
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        browser.go(&format!("/search?q={encoded}")).await;
        assert_eq!(browser.titles().await, expected, "{text}");
    }
    assert!(
        some > TEXTS.len() / 2,
        "{some} of the searches find something"
    );
    browser.close().await;
}

/// More than one page, of two lists that do not end together.
#[tokio::test]
async fn a_long_result_is_read_page_by_page() {
    const MINE: usize = 130;
    const OTHERS: usize = 20;
    let Some(website) = Website::open().await else {
        return;
    };
    let mut browser = Browser::open(&website).await;
    browser.register(&Website::name("ana")).await;
    let name = AccountName::new(&browser.name).unwrap();
    let client = website.client().await;
    let password = Password::new(PASSWORD.to_owned());
    let token = client.log_in(&name, &password).await.unwrap().token;
    let credential = Credential::Token(token);
    let ben = Person::register(&client, "ben").await;
    let mut expected = Vec::new();
    for number in 0..MINE + OTHERS {
        let title = format!("remark {number}");
        let is_mine = number % 7 != 0 || number >= OTHERS * 7;
        let sent = match is_mine {
            true => {
                let task = NewTask::new(&title, vec![ben.name.clone()]);
                client.send(&name, &credential, task).await
            }
            false => {
                let task = NewTask::new(&title, vec![name.clone()]);
                client.send(&ben.name, &ben.credential, task).await
            }
        };
        sent.expect("it is sent");
        expected.push(title);
    }
    expected.reverse();
    eventually("all pages hold all", SEEN_WITHIN, async || {
        let mut seen = Vec::new();
        browser.go("/search?q=remark").await;
        loop {
            seen.extend(browser.titles().await);
            let next = "const to = document.querySelector('.more a'); return to ? to.getAttribute('href') : ''";
            match browser.run(next).await.as_str() {
                Some("") | None => break,
                Some(next) => browser.go(next).await,
            }
        }
        match seen == expected {
            true => Ok(()),
            false => Err(seen.len()),
        }
    })
    .await;
    browser.close().await;
}
