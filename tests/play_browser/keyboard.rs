//! Keys lead to actions, and the page needs no mouse.

use genie_tests::keys;
use serde_json::json;

use super::{OpenPage, REST, frame_number, pixels, says, shown, text_of};

/// Catches: a held key leads to another action, or to frames only after a delay; a released key
/// acts on; the page names another action than it sends; keys do not change the picture.
#[test]
fn a_held_key_leads_to_frames_of_its_action() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    let before = pixels(browser);
    browser.hold("1");
    browser.until(&format!("{} >= 4", frame_number()));
    let active = "[...document.querySelectorAll('.action.active .act')].map(({ id }) => id)";
    assert_eq!(browser.value(active), json!(["action-1"]));
    assert_eq!(browser.value(&text_of("now-name")), json!("right"));
    assert_eq!(browser.value(&text_of("now-who")), json!("You hold"));
    page.says("Playing.");
    browser.let_go("1");
    browser.until(&format!("{} === 'No key'", text_of("now-who")));
    let released = browser.value(&frame_number()).as_u64().unwrap();
    browser.until(&format!("{} >= {}", frame_number(), released + 3));
    browser.press("p");
    page.says("Paused.");
    assert!(pixels(browser) != before, "the picture never changes");
    let actions = page.actions();
    let held = actions.iter().take_while(|action| **action == 1).count();
    assert!(held >= 4, "the held action leads to the first frames: {actions:?}");
    let rest = &actions[held..];
    assert!(rest.len() >= 3, "frames follow without a key: {actions:?}");
    assert!(rest.iter().all(|action| *action == REST), "then it rests: {actions:?}");
}

/// Catches: a key is bound to another action than the one that moves the figure there; a letter or
/// digit does something else; a changed key does nothing, or is forgotten when the page is loaded
/// again.
#[test]
fn every_key_leads_to_its_action() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    // The game is no longer new and paused, so each key makes one frame.
    browser.press(".");
    page.frame(1);
    let mut frame = 1;
    let mut check = |key: &str, code: u64| {
        browser.press(key);
        frame += 1;
        page.frame(frame);
        assert_eq!(page.actions().last(), Some(&code), "the key {key:?}");
    };
    for code in 0..8 {
        check(&code.to_string(), code);
    }
    for (key, code) in [(keys::RIGHT, 1), (keys::LEFT, 2), (keys::UP, 3), (keys::DOWN, 4)] {
        check(key, code);
    }
    for (key, code) in [("d", 1), ("a", 2), ("w", 3), ("s", 4), (" ", 6)] {
        check(key, code);
    }
    browser.click("key-5");
    browser.press("b");
    check("b", 5);
    browser.reload();
    page.says("Paused.");
    check("b", 5);
    assert_eq!(browser.value(&text_of("key-5")), json!("B"));
}

/// Catches: something can only be reached by mouse; focus is lost when a screen changes; space or
/// Enter on a button also plays; a panel takes the focus with it when it closes; a request leaves
/// the machine.
#[test]
fn the_page_works_by_keyboard_alone() {
    let page = OpenPage::new();
    let browser = &page.browser;
    browser.until("document.getElementById('clip-0')");
    tab_to("clip-0", &page);
    browser.press(keys::ENTER);
    page.says("Ready.");
    assert_eq!(focus(&page), "screen", "a new game has the focus");
    browser.hold("1");
    browser.until(&format!("{} >= 2", frame_number()));
    browser.let_go("1");
    tab_to("play", &page);
    browser.press(keys::ENTER);
    page.says("Paused.");
    let frame = browser.value(&frame_number()).as_u64().unwrap();
    let frame = usize::try_from(frame).unwrap();
    tab_to("step", &page);
    browser.press(" ");
    page.frame(frame + 1);
    browser.press("i");
    browser.until(&shown("inspect-panel"));
    browser.press(keys::ESCAPE);
    browser.until(&format!("!{}", shown("inspect-panel")));
    browser.press("f");
    browser.until("document.activeElement.classList.contains('future')");
    browser.press(keys::ESCAPE);
    browser.until(&format!("!{}", shown("futures-panel")));
    assert_ne!(focus(&page), "", "the focus is where a key can be pressed again");
    browser.press("?");
    browser.until("document.getElementById('help').open");
    browser.press(keys::ESCAPE);
    browser.until("!document.getElementById('help').open");
    browser.press("1");
    page.frame(frame + 2);
    says(browser, "Paused.");
    let elsewhere = browser.value(
        "performance.getEntriesByType('resource').map(({ name }) => name)\
         .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))",
    );
    assert_eq!(elsewhere, json!([]), "all files come from the server");
}

/// Presses the Tab key until an element has the focus.
#[track_caller]
fn tab_to(id: &str, page: &OpenPage) {
    for _ in 0..60 {
        if focus(page) == id {
            return;
        }
        page.browser.press(keys::TAB);
    }
    panic!("the Tab key does not lead to {id}");
}

/// The id of the element with the focus.
fn focus(page: &OpenPage) -> String {
    page.browser.value("document.activeElement.id").as_str().unwrap_or_default().to_owned()
}
