//! What people do with tasks that are sent: answers, changes, what one keeps for oneself.

use crate::browser::{Browser, people};

#[tokio::test]
async fn what_a_recipient_does_is_seen_live_by_the_sender() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let ben = there.name.clone();
    here.send(&format!("@{ben} decide: ship? [ship / wait]"))
        .await;
    here.go("/asked").await;
    let task = here.first_task().await;

    there.go(&task).await;
    there.click("form[data-key='a'] button").await;
    there.sees(".notice.good", "taken it on").await;
    here.sees(".standing", "taken on").await;
    here.go(&task).await;
    there.write("#comment-text", "It **should** go out").await;
    there.click(".talk button").await;
    there.sees("#steps", "commented").await;
    here.sees("#steps .comment strong", "should").await;

    there.click(".option-button[value=ship]").await;
    there.sees(".notice.good", "Done").await;
    here.sees(".asks", "chose “ship”").await;
    here.sees(".marks", "done").await;
    // One step goes back, and another answer is given.
    there.click(".notice.good button").await;
    there.sees(".notice.good", "taken back").await;
    here.sees(".marks", "in progress").await;
    there.click(".option-button[value=wait]").await;
    here.sees(".asks", "chose “wait”").await;
    here.is_calm().await;
    there.is_calm().await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn declined_with_a_reason_and_without_scripts() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let ben = there.name.clone();
    here.send(&format!("@{ben} paint the shed")).await;
    here.go("/asked").await;
    let task = here.first_task().await;

    there.without_scripts().await;
    there.go(&task).await;
    there.click("form[data-key='s'] button").await;
    there.sees(".notice.good", "begun").await;
    there.click("form[data-key='u'] button").await;
    there.sees(".notice.good", "taken back").await;
    there.click("details:has(form[data-key='d']) summary").await;
    there.write("#decline-reason", "no paint left").await;
    there.click("form[data-key='d'] button").await;
    there.sees(".notice.good", "declined").await;

    here.go("/asked").await;
    here.sees(".group h2", "Needs you").await;
    here.go(&task).await;
    here.sees(".reason", "no paint left").await;
    here.click("details:has(form[data-key='o']) summary").await;
    here.write("#reopen-reason", "there is paint now").await;
    here.click("form[data-key='o'] button").await;
    here.sees(".notice.good", "asked again").await;
    there.go("/").await;
    there.sees(".group h2", "To answer").await;
    here.close().await;
    there.close().await;
}

#[tokio::test]
async fn a_snoozed_task_is_out_of_sight_and_comes_back() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.send(&format!("@{name} call the plumber")).await;
    browser.go("/").await;
    let task = browser.first_task().await;
    browser.go(&task).await;
    browser
        .click("details:has(form[data-key='z']) summary")
        .await;
    browser.click("button[value='tomorrow 9:00']").await;
    browser.sees(".notice.good", "Out of your sight").await;
    browser.go("/").await;
    browser.sees(".group h2", "Waiting").await;
    browser.go(&task).await;
    browser.sees(".times", "Snoozed until").await;
    browser.press("z").await;
    browser.sees(".notice.good", "back on your list").await;
    browser.go("/").await;
    browser.sees(".group h2", "To answer").await;
    browser.is_calm().await;
    browser.close().await;
}

#[tokio::test]
async fn two_changes_of_one_task_are_shown_beside_each_other() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    let other = Browser::open(browser.website()).await;
    other.log_in(&name, crate::website::PASSWORD).await;
    other.sees("h1", "For me").await;
    browser.send(&format!("@{name} buy paint")).await;
    browser.go("/").await;
    let task = browser.first_task().await;
    let change = format!("{task}/revise");
    browser.go(&change).await;
    other.go(&change).await;
    other.write("#title", "Today: ").await;
    other.write("#labels", "shed").await;
    other.click(".actions button").await;
    other.sees(".notice.good", "It is changed").await;

    browser.write("#title", "Soon: ").await;
    browser.click(".actions button").await;
    browser.sees(".notice.bad", "changed since").await;
    browser.sees(".changes", "Today: buy paint").await;
    browser.sees(".changes", "Soon: buy paint").await;
    let labels = browser
        .run("return document.querySelector('#labels').value")
        .await;
    assert_eq!(labels, "shed", "what was not typed is as it stands");
    browser.click(".actions button").await;
    browser.sees("h1", "Soon: buy paint").await;
    browser.sees(".marks", "#shed").await;
    browser.sees("#steps", "changed the title").await;
    browser.close().await;
    other.close().await;
}

#[tokio::test]
async fn answers_by_keys_alone() {
    let Some([browser]) = people(["ana"]).await else {
        return;
    };
    let name = browser.name.clone();
    browser.send(&format!("@{name} first !high")).await;
    browser.sees("#list", "first").await;
    browser.press("ja").await;
    browser.sees("#status", "taken it on").await;
    browser.sees(".group h2", "Taken on").await;
    browser.press("js").await;
    browser.sees(".group h2", "In progress").await;
    browser.press("jd").await;
    browser.sees("h1", "first").await;
    let focused = "return document.activeElement.id";
    assert_eq!(browser.run(focused).await, "decline-reason");
    browser.press(crate::browser::ESCAPE).await;
    browser.press("r").await;
    assert_eq!(browser.run(focused).await, "comment-text");
    browser.press(crate::browser::ESCAPE).await;
    browser.press("e").await;
    browser.sees(".notice.good", "Done").await;
    browser.press("u").await;
    browser.sees(".notice.good", "taken back").await;
    browser.is_calm().await;
    browser.close().await;
}
