//! Games from pictures and drawings, and a wrong expression.

use std::fs;

use serde_json::json;

use super::{OpenPage, pixels, pixels_of, session_id, shown, start_clip, text_of};

/// Catches: a chosen file starts no game; the preview ignores the choice of its fit; a file that is
/// no picture is not explained; a drawing is empty, or starts no game or the previous game; the old
/// game is never closed.
#[test]
fn pictures_and_drawings_start_games() {
    let page = OpenPage::new();
    let browser = &page.browser;
    let text = page.shared.dataset.path("notes.png");
    fs::write(&text, "no picture").unwrap();
    browser.upload("file", &text);
    browser.until(&format!("{}.includes('notes.png')", text_of("picture-error")));
    let picture = page.shared.dataset.path("sketch.png");
    fs::write(&picture, halves(40, 32)).unwrap();
    browser.upload("file", &picture);
    browser.until(&shown("picture-chosen"));
    assert_eq!(browser.value(&shown("picture-error")), json!(false));
    let preview = pixels_of(browser, "preview");
    browser.click("fit-pad");
    assert!(pixels_of(browser, "preview") != preview, "a preview with borders");
    browser.click("fit-crop");
    assert!(pixels_of(browser, "preview") == preview, "the preview without borders");
    browser.click("picture-play");
    page.says("Ready.");
    assert_eq!(page.session()["start"]["kind"], "image");
    let cropped = pixels(browser);
    assert_eq!(browser.value(&shown("recording-figure")), json!(false), "there is no recording");
    browser.press("2");
    page.says("Playing.");
    let first = session_id(browser);

    browser.click("new");
    page.says("Choose how to start.");
    let empty = pixels_of(browser, "drawing");
    browser.drag("drawing", (-60, -40), (60, 30));
    assert!(pixels_of(browser, "drawing") != empty, "the mouse draws");
    browser.click("undo");
    assert!(pixels_of(browser, "drawing") == empty, "undo");
    browser.drag("drawing", (-60, -40), (60, 30));
    browser.click("draw-play");
    page.says("Ready.");
    let second = session_id(browser);
    assert_ne!(first, second, "a drawing is another game");
    assert!(pixels(browser) != cropped, "the drawing is not the picture");
    let gone = format!("fetch('/api/sessions/{first}').then(({{ status }}) => status === 404)");
    browser.until(&gone);
    // The browser's console reports the server's 404 as an error.
    assert!(browser.console_errors().iter().all(|error| error.contains("404")));
}

/// Catches: a wrong SQL expression is reported elsewhere or not at all, or removes the clips that
/// were there; a corrected expression has no effect.
#[test]
fn a_wrong_expression_is_explained_in_its_place() {
    let page = OpenPage::new();
    let browser = &page.browser;
    let clips = "document.querySelectorAll('.clip').length";
    browser.until(&format!("{clips} > 0"));
    let all = browser.value(clips);
    browser.type_into("sql", "speed > 3 and");
    browser.click("sql-run");
    browser.until(&shown("sql-error"));
    let error = browser.value(&text_of("sql-error"));
    assert!(error.as_str().unwrap().len() > 10, "{error}");
    assert_eq!(browser.value(clips), all, "the clips stay");
    let errors = browser.console_errors();
    assert!(errors.iter().all(|error| error.contains("400")), "{errors:?}");
    browser.value("document.getElementById('sql').value = ''");
    browser.type_into("sql", "fps < 0");
    browser.click("sql-run");
    browser.until(&format!("{clips} === 0"));
    assert_eq!(browser.value(&shown("sql-error")), json!(false));
    browser.value("document.getElementById('sql').value = ''");
    browser.type_into("sql", "fps > 0");
    browser.click("sql-run");
    browser.until(&format!("{clips} === {all}"));
    start_clip(browser);
}

/// A PNG: its left half is red, its right half blue.
fn halves(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let pixel = |i| if i % width < width / 2 { [200, 30, 20] } else { [20, 40, 220] };
    let pixels: Vec<u8> = (0..width * height).flat_map(pixel).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}
