//! A phone, and dark and light colours.

use serde_json::{Value, json};

use super::{OpenPage, frame_number, shown, start_clip};

/// The width of a small phone, in CSS pixels.
const PHONE: u32 = 360;

/// Catches: on a phone something is cut off, so that the page must be scrolled sideways; a finger
/// cannot play.
#[test]
fn the_page_fits_a_phone() {
    let page = OpenPage::new();
    let browser = &page.browser;
    browser.devtools(
        "Emulation.setDeviceMetricsOverride",
        &json!({ "width": PHONE, "height": 740, "deviceScaleFactor": 2, "mobile": true }),
    );
    browser.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }));
    browser.reload();
    browser.until("document.getElementById('clip-0')");
    fits(&page, "the start");
    start_clip(browser);
    fits(&page, "the game");
    let cut = "[...document.querySelectorAll('.act .names')]\
               .filter(one => one.scrollWidth > one.clientWidth).map(one => one.textContent)";
    assert_eq!(browser.value(cut), json!([]), "names that are cut");
    let place = browser.value(
        "(box => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 }))\
         (document.getElementById('action-1').getBoundingClientRect())",
    );
    browser.devtools(
        "Input.dispatchTouchEvent",
        &json!({ "type": "touchStart", "touchPoints": [place] }),
    );
    browser.until(&format!("{} >= 2", frame_number()));
    browser.devtools("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] }));
    browser.click("play");
    page.says("Paused.");
    assert_eq!(page.actions()[..2], [1; 2], "a finger holds the action");
    browser.click("inspect");
    browser.until(&shown("inspect-panel"));
    browser.click("futures");
    browser.until("document.querySelector('.future')");
    fits(&page, "the panels");
}

/// Checks that nothing is wider than the phone.
#[track_caller]
fn fits(page: &OpenPage, screen: &str) {
    let wide = page.browser.value(&format!(
        "document.documentElement.scrollWidth <= {PHONE} ? [] : \
         [...document.querySelectorAll('body *')]\
         .filter(one => one.getBoundingClientRect().right > {PHONE})\
         .map(one => one.tagName + ' ' + one.id + ' ' + one.className)"
    ));
    assert_eq!(wide, json!([]), "{screen} is too wide");
}

/// Catches: the page ignores the colour scheme, or its text cannot be read in one of the schemes.
#[test]
fn the_page_can_be_read_in_dark_and_light() {
    let page = OpenPage::with_game();
    for (scheme, dark) in [("dark", true), ("light", false)] {
        page.browser.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
        let [paper, ink] = ["backgroundColor", "color"].map(|name| {
            luminance(&page.browser.value(&format!(
                "getComputedStyle(document.body).{name}.match(/[\\d.]+/g).map(Number)"
            )))
        });
        assert_eq!(paper < ink, dark, "{scheme}: paper {paper}, ink {ink}");
        let contrast = (paper.max(ink) + 0.05) / (paper.min(ink) + 0.05);
        assert!(contrast > 7.0, "the contrast is {contrast} in {scheme}");
    }
}

/// The relative luminance of a colour, as WCAG 2 defines it.
fn luminance(colour: &Value) -> f64 {
    let channels = colour.as_array().expect("red, green and blue").iter();
    let linear = channels.take(3).map(|channel| {
        let channel = channel.as_f64().expect("a number") / 255.0;
        if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    linear.zip([0.2126, 0.7152, 0.0722]).map(|(channel, weight)| channel * weight).sum()
}
