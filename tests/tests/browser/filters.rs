//! The filters of the lists, with and without scripts.

use crate::browser::people;

#[tokio::test]
async fn lists_show_what_is_wanted_of_them() {
    let Some([here, there]) = people(["ana", "ben"]).await else {
        return;
    };
    let (ana, ben) = (here.name.clone(), there.name.clone());
    for line in [
        "decide: ship? [yes / no] by today !critical #release",
        "review: the page by 2031-01-01 !low",
        "read: minutes",
        "late by 2026-01-02 #release",
    ] {
        there.send(&format!("@{ana} {line}")).await;
    }
    here.send(&format!("@{ana} water the plants")).await;
    here.without_scripts().await;
    for (query, titles) in [
        ("kind=review", &["the page"][..]),
        ("importance=critical", &["ship?"]),
        ("label=release&due=overdue", &["late"]),
        ("due=today", &["ship?"]),
        ("due=none", &["minutes", "water the plants"]),
        ("state=accepted", &[]),
        ("kind=do&state=needs_action", &["late", "water the plants"]),
        (
            "kind=none&state=x&importance=&due=&person=&label=",
            &["", "", "", "", ""],
        ),
    ] {
        here.go(&format!("/?{query}")).await;
        let mut seen = here.titles().await;
        seen.sort();
        match titles {
            ["", ..] => assert_eq!(seen.len(), titles.len(), "{query}: {seen:?}"),
            _ => assert_eq!(seen, titles, "{query}"),
        }
    }
    here.go(&format!("/?person={ben}")).await;
    assert_eq!(here.titles().await.len(), 4);
    // By the form, and away again by the links.
    here.click(".filters summary").await;
    here.click("#filter-kind option[value=decide]").await;
    here.click(".filters form button").await;
    here.sees(".chips", "decide").await;
    assert_eq!(here.titles().await, ["ship?"]);
    here.sees("#group-0 .count", "1").await;
    here.click(".chip[href='/?kind=decide']").await;
    here.sees(".chips", "decide").await;
    here.click(".chip[href='/']").await;
    here.sees(".row-title", "ship?").await;
    assert_eq!(here.titles().await.len(), 5);

    there.go("/asked?state=completed").await;
    there.sees(".empty", "Nothing fits").await;
    here.go("/?kind=read").await;
    here.click(".row-title").await;
    here.click("form[data-key='e x'] button").await;
    here.sees(".notice.good", "Done").await;
    // An open page with filters keeps them when there is news.
    there.sees(".row-title", "minutes").await;
    assert_eq!(there.titles().await, ["minutes"]);
    there.go(&format!("/asked?person={ana}&kind=review")).await;
    assert_eq!(there.titles().await, ["the page"]);
    there.press("f").await;
    let focused = there.run("return document.activeElement.name").await;
    assert_eq!(focused, "state");
    there.is_calm().await;
    here.close().await;
    there.close().await;
}
