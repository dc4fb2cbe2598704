//! What a sender does with some of those who are asked; and a long history.

use yoshi_protocol::{AccountName, Credential, Password, Verb};

use crate::browser::people;
use crate::website::PASSWORD;

/// Steps on one page of a history.
const PAGE: usize = 200;

#[tokio::test]
async fn some_recipients_are_withdrawn_and_asked_again() {
    let Some([here, ben, cleo]) = people(["ana", "ben", "cleo"]).await else {
        return;
    };
    here.send(&format!("@{} @{} bring chairs", ben.name, cleo.name))
        .await;
    here.go("/asked").await;
    let task = here.first_task().await;
    here.without_scripts().await;
    here.go(&task).await;
    let fold = "details:has(form[data-key='w'])";
    here.click(&format!("{fold} summary")).await;
    let choose = async |name: &str, fold: &str| {
        here.click(&format!("{fold} input[value='{name}']")).await;
    };
    // Nobody is no choice, and what was chosen is kept.
    choose(&ben.name, fold).await;
    choose(&cleo.name, fold).await;
    here.click(&format!("{fold} button")).await;
    here.sees(".notice.bad", "Choose at least one").await;
    choose(&ben.name, fold).await;
    here.write("#withdraw-reason", "there are enough").await;
    here.click(&format!("{fold} button")).await;
    here.sees(".notice.good", "withdrawn").await;
    here.sees(".state.withdrawn", "withdrawn").await;
    here.sees(".marks", "waiting").await;
    ben.go("/").await;
    ben.sees(".group h2", "Done").await;
    cleo.go("/").await;
    cleo.sees(".group h2", "To answer").await;

    let fold = "details:has(form[data-key='o'])";
    here.click(&format!("{fold} summary")).await;
    here.sees(&format!("{fold} .whom"), &ben.name).await;
    here.write("#reopen-reason", "more people come").await;
    here.click(&format!("{fold} button")).await;
    here.sees(".notice.good", "asked again").await;
    ben.sees(".group h2", "To answer").await;
    here.sees("#steps", &format!("withdrew it from {}", ben.name))
        .await;
    for browser in [here, ben, cleo] {
        browser.close().await;
    }
}

#[tokio::test]
async fn a_long_history_is_read_page_by_page() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    browser.send(&format!("@{} talk", browser.name)).await;
    let task = browser.first_task().await;
    let id = task.trim_start_matches("/task/").parse().unwrap();
    let client = browser.website().client().await;
    let name = AccountName::new(&browser.name).unwrap();
    let password = Password::new(PASSWORD.to_owned());
    let token = client.log_in(&name, &password).await.unwrap().token;
    let credential = Credential::Token(token);
    for number in 0..PAGE {
        let text = format!("remark {number}.");
        let said = client
            .change(&name, &credential, id, Verb::Comment { text })
            .await;
        said.expect("a comment is taken");
    }
    browser.go(&task).await;
    let count = "return document.querySelectorAll('#steps > li').length";
    assert_eq!(browser.run(count).await, PAGE);
    browser.sees("#steps", "remark 199.").await;
    browser
        .click("section:has(#history) a[href*='before=']")
        .await;
    browser.sees("#steps", "asked for it").await;
    assert_eq!(browser.run(count).await, 1, "the send is left");
    browser.click("section:has(#history) .more a").await;
    browser.sees("#steps", "remark 199.").await;
    browser.is_calm().await;
    browser.close().await;
}
