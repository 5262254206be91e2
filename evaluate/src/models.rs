//! Which models belong together, found by their records on disk.
//!
//! A finished step leaves `step.json`, which names the keys of what went in. So a dynamics model names the tokenizer
//! whose tokens and the latent action model whose labels it was trained on, and these three are evaluated together:
//! never a dynamics model with a tokenizer that merely lies beside it.

use camino::{Utf8Path, Utf8PathBuf};
use genie_stage::step::{Record, read_record};

/// A finished model: its key and the directory of its checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub key: String,
    pub dir: Utf8PathBuf,
}

/// Three models that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    pub tokenizer: Model,
    pub lam: Model,
    pub dynamics: Model,
}

/// What is missing, and which step makes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// The dynamics model whose key begins with `wanted` (empty: the one finished last), with the models it was trained on.
///
/// # Errors
/// When there is none, or several, or one that it was trained on is gone.
pub fn find(root: &Utf8Path, wanted: &str) -> Result<Models, Missing> {
    let (dynamics, record) = dynamics(root, wanted)?;
    let input = |kind: &str, step: &str| {
        let key = record.inputs.get(kind).and_then(|key| key.as_str()).ok_or_else(|| {
            Missing(format!("{}/step.json does not name its {kind}: run `genie-train dynamics` again", dynamics.dir))
        })?;
        let model = Model { key: key.to_owned(), dir: root.join("models").join(kind).join(key) };
        match read_record(&model.dir) {
            Some(_) => Ok(model),
            None => Err(Missing(format!(
                "{} is not finished, but dynamics {} was trained on it: run `{step}`",
                model.dir, dynamics.key
            ))),
        }
    };
    let tokenizer = input("tokenizer", "genie-tokenize fit")?;
    let lam = input("lam", "genie-train lam")?;
    Ok(Models { tokenizer, lam, dynamics })
}

fn dynamics(root: &Utf8Path, wanted: &str) -> Result<(Model, Record), Missing> {
    let kind = root.join("models/dynamics");
    let directories = kind.read_dir_utf8().into_iter().flatten().flatten().map(|entry| entry.path().to_owned());
    let mut found: Vec<(Model, Record)> = directories
        .filter_map(|dir| read_record(&dir).map(|record| (Model { key: record.key.clone(), dir }, record)))
        .filter(|(model, _)| model.key.starts_with(wanted))
        .collect();
    found.sort_by(|a, b| (a.1.lineage.finished, &a.0.key).cmp(&(b.1.lineage.finished, &b.0.key)));
    if !wanted.is_empty() && found.len() > 1 {
        let keys: Vec<&str> = found.iter().map(|(model, _)| model.key.as_str()).collect();
        return Err(Missing(format!("[evaluate] dynamics = {wanted:?} fits several models: {}", keys.join(", "))));
    }
    found.pop().ok_or_else(|| {
        Missing(if wanted.is_empty() {
            format!("there is no finished dynamics model under {kind}: run `genie-train dynamics`")
        } else {
            format!("there is no finished dynamics model {wanted} under {kind}: see what lies there, or leave [evaluate] dynamics empty")
        })
    })
}

#[cfg(test)]
mod tests {
    use genie_stage::key::Key;
    use genie_stage::step::StepDir;
    use serde_json::json;

    use super::*;

    /// Finishes a step of `kind` and returns its key.
    fn finish(root: &Utf8Path, kind: &str, width: u32, inputs: &[(&str, &str)]) -> String {
        let mut builder = Key::builder(kind, 1).config(&json!({ "width": width }));
        for (name, key) in inputs {
            builder = builder.input(name, key);
        }
        let key = builder.finish();
        StepDir::open(root.join("models").join(kind).join(key.as_str()), &key, kind).finish(json!({})).unwrap();
        key.to_string()
    }

    fn root() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn a_dynamics_model_comes_with_the_models_it_was_trained_on() {
        // Taking the newest of each kind would pair a dynamics model with a tokenizer whose codes mean something else.
        let (_dir, root) = root();
        let tokenizer = finish(&root, "tokenizer", 1, &[]);
        let lam = finish(&root, "lam", 1, &[]);
        let dynamics = finish(&root, "dynamics", 1, &[("tokenizer", &tokenizer), ("lam", &lam)]);
        finish(&root, "tokenizer", 2, &[]);
        let found = find(&root, "").unwrap();
        assert_eq!(
            (found.tokenizer.key, found.lam.key, &found.dynamics.key),
            (tokenizer.clone(), lam.clone(), &dynamics)
        );

        let newer = finish(&root, "dynamics", 2, &[("tokenizer", &tokenizer), ("lam", &lam)]);
        assert_eq!(find(&root, "").unwrap().dynamics.key, newer, "the one finished last");
        assert_eq!(find(&root, &dynamics[..8]).unwrap().dynamics.key, dynamics, "or the one that was named");
    }

    #[test]
    fn what_is_missing_is_named_with_the_step_that_makes_it() {
        let (_dir, root) = root();
        assert!(find(&root, "").unwrap_err().0.contains("genie-train dynamics"));
        assert!(find(&root, "abc").unwrap_err().0.contains("abc"));
        finish(&root, "dynamics", 1, &[("tokenizer", "0123456789abcdef"), ("lam", "0123456789abcdef")]);
        assert!(find(&root, "").unwrap_err().0.contains("genie-tokenize fit"));
    }
}
