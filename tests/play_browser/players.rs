//! Two players, and a server that is gone.

use genie_tests::{Browser, Signal};

use super::{OpenPage, actions_of, frame_number, says, session_id, shown, start_clip, text_of};

/// Catches: a second player is not served, or gets the first one's game or actions.
#[test]
fn two_players_play_at_once() {
    let page = OpenPage::with_game();
    let other = Browser::start();
    other.open(&page.shared.server.url);
    start_clip(&other);
    let players = [(&page.browser, 1), (&other, 2)];
    assert_ne!(session_id(&page.browser), session_id(&other), "two games");
    for (browser, code) in players {
        browser.hold(&code.to_string());
    }
    for (browser, _) in players {
        browser.until(&format!("{} >= 5", frame_number()));
    }
    for (browser, code) in players {
        browser.press("p");
        says(browser, "Paused.");
        browser.let_go(&code.to_string());
        let session = page.shared.server.json(&format!("/api/sessions/{}", session_id(browser)));
        let actions = actions_of(&session);
        assert!(actions.len() >= 5 && actions.iter().all(|action| *action == code), "{actions:?}");
    }
}

/// Catches: the server ends, and the page shows no message.
#[test]
fn the_page_says_that_the_server_is_gone() {
    let OpenPage { browser, shared } = OpenPage::new();
    let server = shared.dataset.serve(&[]);
    browser.open(&server.url);
    start_clip(&browser);
    browser.hold("1");
    browser.until(&format!("{} >= 2", frame_number()));
    let _ = server.stop(Signal::KILL);
    browser.until(&shown("banner"));
    browser.until(&format!("{}.includes('connection is lost')", text_of("banner-text")));
    says(&browser, "The connection is lost.");
    browser.let_go("1");
    let errors = browser.console_errors();
    assert!(errors.iter().all(|error| error.contains("net::ERR_")), "{errors:?}");
    // The page tries again until it is closed.
    browser.open("about:blank");
    let _ = browser.console_errors();
}
