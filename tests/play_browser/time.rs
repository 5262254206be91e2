//! Going back, branches, futures, and what is saved.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use genie_tests::keys;
use serde_json::{Value, json};

use super::{OpenPage, REST, frame_number, pixels, session_id, shown, text_of};

/// Width and height of a frame, in `tiny.toml`.
const SIDE: u32 = 32;

/// Catches: after going back, the picture is not the one that was played; playing on from there
/// loses the old frames; a branch leads elsewhere; a reloaded page has another game.
#[test]
fn going_back_shows_the_same_pixels_and_starts_a_branch() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    browser.click("step");
    page.frame(1);
    let mut played = vec![Value::Null, pixels(browser)];
    for (frame, code) in (2..).zip([1, 2, 3, 4, 5]) {
        played.push(page.step(code, frame));
    }
    assert!(played[1..].windows(2).any(|pair| pair[0] != pair[1]), "the picture never changes");
    for frame in [5, 4, 3] {
        browser.press("[");
        page.frame(frame);
        assert!(pixels(browser) == played[frame], "frame {frame} when it is rewound to");
    }
    let game = session_id(browser);
    let there = "fetch('/api/sessions/' + location.hash.slice(1)).then(answer => answer.json())";
    browser.until(&format!("{there}.then(({{ frame }}) => frame === 3)"));
    browser.reload();
    page.says("Paused.");
    page.frame(3);
    assert_eq!(session_id(browser), game, "the page finds its game");
    assert!(pixels(browser) == played[3], "frame 3 when the page is loaded again");
    browser.press("]");
    page.frame(4);
    assert!(pixels(browser) == played[4], "frame 4, which the new page has not seen");
    browser.press("[");
    page.frame(3);

    let branch = [page.step(6, 4), page.step(7, 5)];
    assert_eq!(page.actions().len(), 5);
    let old = "document.querySelector('#branches button')";
    browser.until(old);
    let tip = browser.value(&format!("{old}.id")).as_str().unwrap().to_owned();
    browser.click(&tip);
    page.frame(6);
    assert!(pixels(browser) == played[6], "the end of the old branch");
    let new = format!("document.querySelector('#branches button:not(#{tip})')");
    browser.until(&new);
    let tip = browser.value(&format!("{new}.id")).as_str().unwrap().to_owned();
    browser.click(&tip);
    page.frame(5);
    assert!(pixels(browser) == branch[1], "the end of the new branch");
    browser.press("r");
    page.frame(0);
}

/// Catches: the frames of a chosen future differ from its preview; the panel stays open after the
/// choice; a saved file cannot be loaded, is of another kind or of another game.
#[test]
fn a_chosen_future_happens_and_the_game_can_be_saved() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    browser.click("step");
    page.frame(1);
    browser.click("futures");
    browser.until("document.querySelectorAll('#futures-list .future').length === 8");
    browser.click("futures-strips");
    let frame_of = |canvas: &str, left: u32| {
        browser.value(&format!(
            "document.querySelector('{canvas}').getContext('2d')\
             .getImageData({left}, 0, {SIDE}, {SIDE}).data.join()"
        ))
    };
    let promised = frame_of("#future-1 canvas", 7 * SIDE);
    browser.click("future-1");
    page.frame(9);
    assert!(frame_of("#screen", 0) == promised, "the future's last frame");
    assert_eq!(page.actions()[1..], [1; 8]);
    assert_eq!(browser.value(&shown("futures-panel")), json!(false));

    let load = |id: &str| -> Vec<u8> {
        let bytes = browser.value(&format!(
            "fetch(document.getElementById('{id}').href).then(answer => answer.arrayBuffer())\
             .then(buffer => Array.from(new Uint8Array(buffer)))"
        ));
        serde_json::from_value(bytes).expect("bytes")
    };
    assert!(load("save-gif").starts_with(b"GIF89a"));
    assert!(load("save-strip").starts_with(b"\x89PNG"));
    let log: Value = serde_json::from_slice(&load("save-log")).expect("JSON");
    let logged = log["segments"][0]["actions"].as_array().expect("actions").len();
    assert_eq!(logged, 9, "{log}");
}

/// Catches: a file that the server refuses to make is a broken download without a message; a link
/// saves no file, or saves it under a name that says nothing.
#[test]
fn a_file_is_saved_or_its_error_is_shown() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    let folder = tempfile::tempdir().expect("a temporary directory");
    let allow = json!({ "behavior": "allow", "downloadPath": folder.path() });
    browser.devtools("Browser.setDownloadBehavior", &allow);
    let game = session_id(browser);
    for (id, file, start) in [("gif", "play.gif", "GIF89a"), ("log", "log.json", "{")] {
        browser.click(&format!("save-{id}"));
        let file = folder.path().join(format!("genie-{game}-{file}"));
        let saved = || fs::read(&file).is_ok_and(|bytes| bytes.starts_with(start.as_bytes()));
        let started = Instant::now();
        while !saved() {
            assert!(started.elapsed() < Duration::from_mins(1), "{} is not saved", file.display());
            sleep(Duration::from_millis(20));
        }
    }
    assert_eq!(browser.value(&shown("banner")), json!(false));
    browser.value("document.getElementById('save-strip').href += '?from=7'");
    browser.click("save-strip");
    browser
        .until(&format!("{}.includes('The path has the frames 0 to 0')", text_of("banner-text")));
    assert_eq!(session_id(browser), game, "the game goes on");
    let errors = browser.console_errors();
    assert!(errors.iter().all(|error| error.contains("400")), "{errors:?}");
}

/// Catches: the recording beside the game shows another frame number; the autopilot cannot be
/// turned on; a key does not take over, or the autopilot continues.
#[test]
fn a_key_takes_over_from_the_autopilot() {
    let page = OpenPage::with_game();
    let browser = &page.browser;
    let pressed = "document.getElementById('autopilot').ariaPressed";
    // One frame each second: the recording must not end during the test.
    browser.type_into("rate", keys::HOME);
    browser.until(&format!("{} === '1 fps'", text_of("rate-value")));
    browser.click("autopilot");
    page.says("Playing on autopilot.");
    browser.until(&format!("{} >= 1", frame_number()));
    browser.until(&format!("{} === 'Autopilot'", text_of("now-who")));
    browser.press("p");
    page.says("Paused.");
    let frame = browser.value(&frame_number()).as_u64().unwrap();
    let frame = usize::try_from(frame).unwrap();
    browser.press(".");
    page.frame(frame + 1);
    assert_eq!(browser.value(pressed), json!("true"), "a step keeps the autopilot");
    let by_autopilot = page.actions();
    browser.press("1");
    page.frame(frame + 2);
    browser.press(".");
    page.frame(frame + 3);
    assert_eq!(browser.value(pressed), json!("false"), "a key takes over");
    assert_eq!(page.actions()[..], [&by_autopilot[..], &[1, REST]].concat());

    browser.press("t");
    browser.until(&format!("{pressed} === 'true'"));
    browser.press("p");
    page.says("Playing on autopilot.");
    browser.hold("1");
    page.says("Playing.");
    browser.press("p");
    page.says("Paused.");
    browser.let_go("1");
    assert_eq!(browser.value(pressed), json!("false"), "a key takes over while the game runs");
    // The recording's picture is the clip's frame of the same number.
    let session = page.session();
    let clip = session["start"]["clip"].as_str().expect("a clip");
    let frame = browser.value(&frame_number());
    let same = browser.value(&format!(
        "(async () => {{\
           const image = new Image();\
           image.src = '/api/clips/{clip}/{frame}.png';\
           await image.decode();\
           const canvas = document.getElementById('recording');\
           const [width, height] = [canvas.width, canvas.height];\
           const other = new OffscreenCanvas(width, height).getContext('2d');\
           other.drawImage(image, 0, 0);\
           const data = one => one.getImageData(0, 0, width, height).data.join();\
           return data(other) === data(canvas.getContext('2d'));\
         }})()"
    ));
    assert_eq!(same, json!(true), "the recording at frame {frame}");
}
