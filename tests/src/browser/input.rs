//! What users do with mouse, keyboard and files.

use camino::Utf8Path;
use serde_json::json;

use super::Browser;

/// The name of an element's id in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

impl Browser {
    #[track_caller]
    fn element(&self, id: &str) -> String {
        let found =
            self.command("element", &json!({ "using": "css selector", "value": format!("#{id}") }));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    /// Clicks on the element with this id. It fails if something else covers the element.
    #[track_caller]
    pub fn click(&self, id: &str) {
        self.command(&format!("element/{}/click", self.element(id)), &json!({}));
    }

    /// Types text into an input; for a file input, the text is the file's path.
    #[track_caller]
    pub fn type_into(&self, id: &str, text: impl AsRef<str>) {
        let text = json!({ "text": text.as_ref() });
        self.command(&format!("element/{}/value", self.element(id)), &text);
    }

    /// Chooses a file in a file input.
    #[track_caller]
    pub fn upload(&self, id: &str, file: &Utf8Path) {
        self.type_into(id, file.as_str());
    }

    /// Presses a key and lets go: a character, or one of [`super::keys`].
    #[track_caller]
    pub fn press(&self, key: &str) {
        self.key_actions(&[("keyDown", key), ("keyUp", key)]);
    }

    /// Presses a key and holds it.
    #[track_caller]
    pub fn hold(&self, key: &str) {
        self.key_actions(&[("keyDown", key)]);
    }

    /// Lets go of a key.
    #[track_caller]
    pub fn let_go(&self, key: &str) {
        self.key_actions(&[("keyUp", key)]);
    }

    #[track_caller]
    fn key_actions(&self, actions: &[(&str, &str)]) {
        let actions = actions.iter().map(|(kind, key)| json!({ "type": kind, "value": key }));
        let actions: Vec<_> = actions.collect();
        self.command(
            "actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        );
    }

    /// Drags the mouse over an element; places are CSS pixels from its centre.
    #[track_caller]
    pub fn drag(&self, id: &str, from: (i32, i32), to: (i32, i32)) {
        let element = json!({ ELEMENT: self.element(id) });
        let step = |(x, y)| json!({ "type": "pointerMove", "origin": element, "x": x, "y": y });
        let button = |kind| json!({ "type": kind, "button": 0 });
        let actions = [step(from), button("pointerDown"), step(to), button("pointerUp")];
        self.command(
            "actions",
            &json!({ "actions": [{ "type": "pointer", "id": "mouse", "actions": actions }] }),
        );
    }
}
