//! What people write beside a task is text, too: reasons, answers, labels of one's
//! own, and what two people change at once.

use yoshi_protocol::{AccountName, Answer, Kind, NewTask, Password, Revise, Verb};
use yoshi_tests::Person;

use crate::browser::people;
use crate::hostile::{CORPUS, is_unharmed};
use crate::website::PASSWORD;

#[tokio::test]
async fn nothing_beside_a_task_is_more_than_text() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let client = browser.website().client().await;
    let name = AccountName::new(&browser.name).unwrap();
    let password = Password::new(PASSWORD.to_owned());
    let ana = Person::log_in(&client, name, password).await;
    let mallory = Person::register(&client, "mallory").await;
    for text in CORPUS {
        let said = || text.to_owned();
        let mut ids = Vec::new();
        for (from, to) in [(&ana, &mallory), (&ana, &mallory), (&mallory, &ana)] {
            let mut task = NewTask::new("say something", vec![to.name.clone()]);
            task.kind = Kind::Answer;
            ids.push(task.id);
            let sent = client.send(&from.name, &from.credential, task).await;
            sent.expect("it is sent");
        }
        let answered = Verb::Complete(Answer::Answered { text: said() });
        mallory.change(&client, ids[0], answered).await;
        let declined = Verb::Decline { reason: said() };
        mallory.change(&client, ids[1], declined).await;
        let labels = vec![said()];
        ana.change(&client, ids[2], Verb::Label { labels }).await;
        let withdrawn = Verb::Withdraw {
            reason: said(),
            recipients: Vec::new(),
        };
        mallory.change(&client, ids[2], withdrawn).await;
        for id in &ids {
            browser.go(&format!("/task/{id}")).await;
            let shown = browser.run("return document.querySelector('#main').textContent");
            let shown = shown.await;
            assert!(shown.as_str().unwrap().contains("say something"), "{text}");
            is_unharmed(&browser, text).await;
        }

        // The form is open while the same task is changed elsewhere.
        browser.go(&format!("/task/{}/revise", ids[1])).await;
        let script = format!("document.querySelector('#title').value = {text:?} + ' mine'");
        let script = script.replace("\\u{202e}", "\\u202e");
        browser.run(&script).await;
        let theirs = Revise {
            title: Some(format!("{text} theirs")),
            ..Revise::default()
        };
        let changed = Verb::Revise(Box::new(theirs));
        ana.change(&client, ids[1], changed).await;
        browser.click(".compose .actions button").await;
        browser.sees(".changes", "theirs").await;
        is_unharmed(&browser, text).await;
    }
    browser.go("/").await;
    is_unharmed(&browser, "the list").await;
    browser.close().await;
}
