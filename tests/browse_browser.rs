//! The page of `genie-ingest browse` in a real browser: Chromium without a window.

use genie_tests::{Browser, Dataset, Playing, keys};
use serde_json::{Value, json};

/// The page in a browser of its own.
///
/// The browser is the first field: when it is dropped, the server still runs.
struct OpenPage {
    browser: Browser,
    server: Playing,
    dataset: Dataset,
}

impl OpenPage {
    /// Opens the page of a dataset with clips of the sample game.
    fn new() -> Self {
        // A missing browser fails the test before clips are made.
        let browser = Browser::start();
        let dataset = Dataset::new();
        dataset.pipeline(&["--stage", "ingest"]).expect(0);
        let server = dataset.browse(&[]);
        browser.open(&server.url);
        let page = Self { browser, server, dataset };
        page.until(&format!("{TILES}.length > 3 && {TILES}.every(tile => tile.dataset.id)"));
        page.until("document.getElementById('keep-says').textContent.includes('are kept')");
        page
    }

    #[track_caller]
    fn until(&self, expression: &str) {
        self.browser.until(expression);
    }

    fn value(&self, expression: &str) -> Value {
        self.browser.value(expression)
    }

    /// Writes a condition and shows its clips.
    fn filter(&self, condition: &str) {
        self.value("document.getElementById('where').value = ''");
        self.browser.type_into("where", condition);
        self.browser.press(keys::ENTER);
    }

    /// The labels in the dataset, as `person label`, sorted.
    fn labels(&self) -> Vec<String> {
        let rows = self.dataset.sql("select who, label, tags from labels order by who, label");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rows.iter().map(|row| format!("{} {}", text(&row["who"]), text(&row["label"]))).collect()
    }

    /// Waits until the dataset has these labels.
    #[track_caller]
    fn has_labels(&self, expected: &[&str]) {
        for _ in 0..100 {
            if self.labels() == expected {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!(self.labels(), expected);
    }
}

/// JavaScript: the tiles of the wall.
const TILES: &str = "[...document.querySelectorAll('.tile')]";
/// JavaScript: the picture of the large view is there.
const FILM: &str = "document.getElementById('viewer').open && \
    document.getElementById('film').width > 20";

/// Catches: the wall shows no pictures, or other clips than the condition; wrong SQL empties it.
#[test]
fn the_wall_plays_the_clips_of_a_condition() {
    let page = OpenPage::new();
    let picture = "new Promise(found => { const image = new Image(); \
        image.onload = () => found(image.naturalWidth > 0); image.onerror = () => found(false); \
        image.src = document.querySelector('.frames').style.backgroundImage.slice(5, -2); })";
    assert_eq!(page.value(picture), true);
    let playing = "document.querySelector('.frames').getAnimations().length";
    assert_eq!(page.value(playing), 1);
    let all = page.dataset.sql("select clip_id from clips").len();
    let count = |number: usize| {
        page.until(&format!(
            "document.getElementById('count').textContent === '{number} clips' && \
             {TILES}.every(tile => tile.dataset.id)"
        ));
    };
    count(all);
    let train = page.dataset.sql("select clip_id from clips where split = 'train'").len();
    page.filter("split = 'train'");
    count(train);
    page.filter("no_such_column = 1");
    page.until("!document.getElementById('where-error').hidden");
    let error = page.value("document.getElementById('where-error').textContent");
    assert!(error.as_str().unwrap().contains("no_such_column"), "{error}");
    count(train);
    page.browser.reload();
    count(train);
    let elsewhere = page.value(
        "performance.getEntriesByType('resource').map(({ name }) => name)\
         .filter(name => !name.startsWith(location.origin + '/') && !name.startsWith('data:'))",
    );
    assert_eq!(elsewhere, json!([]), "all files come from the server");
    // The wrong condition was answered with 400, which the console lists.
    page.browser.console_errors();
}

/// Catches: the slider changes neither the wall nor the expression, or shows a wrong count.
#[test]
fn the_slider_shows_what_it_keeps() {
    let page = OpenPage::new();
    let set = |step: u32| {
        page.value(&format!(
            "(slider => {{ slider.value = {step}; slider.dispatchEvent(new Event('input')); }})\
             (document.getElementById('keep-slider'))"
        ));
    };
    let expression = || page.value("document.getElementById('keep-expression').value");
    let goes = || page.value(&format!("{TILES}.filter(one => one.matches('.goes')).length"));
    let before = expression();
    assert!(before.as_str().unwrap().contains("zoom < 0.4"), "{before}");
    assert_eq!(page.value("document.getElementById('keep-score').value"), "motion");
    set(1000);
    let kept = page.value("document.querySelector('#keep-says b').textContent");
    assert_eq!(kept, "0");
    assert!(expression().as_str().unwrap().ends_with(" and motion >= 1"), "{}", expression());
    let tiles = page.value(&format!("{TILES}.length"));
    assert_eq!(goes(), tiles, "all go");
    set(0);
    assert_eq!(goes(), 0);
    assert!(!expression().as_str().unwrap().contains("motion >="), "{}", expression());
    let median = page.dataset.sql("select median(motion) as m from clips where kept")[0]["m"]
        .as_f64()
        .unwrap();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    let step = (median * 1000.0).ceil() as u32;
    set(step);
    let sql = format!("select count(*) as n from clips where kept and motion >= {step} / 1000.0");
    let kept = page.dataset.sql(&sql)[0]["n"].to_string();
    assert_eq!(page.value("document.querySelector('#keep-says b').textContent"), kept.as_str());
    page.browser.click("keep-border");
    page.until("document.getElementById('sort').value === 'motion'");
    page.until(&format!(
        "{TILES}.some(one => one.matches('.goes')) && {TILES}.some(one => !one.matches('.goes'))"
    ));
}

/// Catches: a key does not label the clip on the screen, a tag is lost, undo takes another label
/// back, or the labels of two people mix.
#[test]
fn clips_are_labelled_by_keyboard() {
    let page = OpenPage::new();
    let browser = &page.browser;
    let shown = "document.getElementById('clip-id').textContent";
    browser.type_into("who", "ana");
    browser.press(keys::TAB);
    browser.press("l");
    page.until(FILM);
    let first = page.value(shown);
    browser.press("g");
    page.until(&format!("{shown} !== {first}"));
    let second = page.value(shown);
    page.has_labels(&["ana good"]);
    browser.press("t");
    browser.type_into("tags", "menu, split screen");
    browser.press(keys::ENTER);
    browser.press("b");
    page.until(&format!("{shown} !== {second}"));
    page.has_labels(&["ana bad", "ana good"]);
    let tags = page.dataset.sql("select tags from labels where label = 'bad'");
    assert_eq!(tags[0]["tags"], json!(["menu", "split screen"]));
    browser.press("z");
    page.until(&format!("{shown} === {second}"));
    page.has_labels(&["ana good"]);
    browser.press("2");
    let written = page.value("document.getElementById('tags').value");
    assert_eq!(written, "split screen", "a digit sets a tag in use");
    browser.press("u");
    page.until(&format!("{shown} !== {second}"));
    page.has_labels(&["ana good", "ana unsure"]);
    browser.press(keys::ESCAPE);
    page.until("!document.getElementById('viewer').open");

    page.value("document.getElementById('who').value = ''");
    browser.type_into("who", "ben");
    browser.press(keys::TAB);
    page.filter(&format!("clip_id = {}", first.to_string().replace('"', "'")));
    page.until("document.getElementById('count').textContent === '1 clip'");
    page.value("document.querySelector('.tile').click()");
    page.until(&format!("{FILM} && {shown} === {first}"));
    browser.press("b");
    page.has_labels(&["ana good", "ana unsure", "ben bad"]);
    let badges = "[...document.querySelectorAll('.tile .badge')].map(one => one.textContent)";
    page.until(&format!("JSON.stringify({badges}) === '[\"good\",\"bad\"]'"));
}

/// Catches: the page says that a label is stored although the server is gone; the clip is lost.
#[test]
fn a_label_that_is_not_stored_comes_back() {
    let OpenPage { browser, server, dataset } = OpenPage::new();
    browser.type_into("who", "ana");
    browser.press(keys::TAB);
    browser.press("l");
    browser.until(FILM);
    let shown = "document.getElementById('clip-id').textContent";
    let first = browser.value(shown);
    drop(server);
    browser.press("g");
    browser.until("!document.getElementById('banner').hidden");
    let words = browser.value("document.getElementById('banner-text').textContent");
    assert!(words.as_str().unwrap().contains("not stored"), "{words}");
    browser.until(&format!("{shown} === {first}"));
    assert_eq!(dataset.sql("select * from labels").len(), 0);
    // The refused connection is an error in the console.
    browser.console_errors();
}

/// Catches: the wall draws all clips at once, or none after scrolling far.
#[test]
fn the_wall_has_only_the_tiles_on_the_screen() {
    let page = OpenPage::new();
    page.browser.devtools(
        "Emulation.setDeviceMetricsOverride",
        &json!({ "width": 700, "height": 420, "deviceScaleFactor": 1, "mobile": false }),
    );
    page.browser.reload();
    let all = page.dataset.sql("select clip_id from clips").len();
    page.until(&format!("{TILES}.length > 3 && {TILES}.every(tile => tile.dataset.id)"));
    page.value("document.getElementById('wall').scrollTo(0, 1e9)");
    let last = all - 1;
    page.until(&format!("{TILES}.some(one => Number(one.dataset.index) === {last})"));
    let tiles = page.value(&format!("{TILES}.length")).as_u64().unwrap();
    assert!(tiles > 0, "no tiles");
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(page.value(fits), true, "the page is too wide");
    drop(page.server);
}
