//! The cases of `tests/reference/frechet.json`: features, and their distances by scipy and numpy.

use serde::Deserialize;

use crate::distance::features::Features;

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    dimension: usize,
    a: Vec<i16>,
    b: Vec<i16>,
    pub unbiased: f64,
    pub biased: f64,
    pub by_singular_values: f64,
    pub kernel: f64,
}

impl Case {
    pub fn features(&self) -> [Features; 2] {
        [&self.a, &self.b].map(|side| {
            Features::new(
                self.dimension,
                side.iter().map(|&value| f32::from(value) / 16.0).collect(),
            )
        })
    }
}

pub fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/reference/frechet.json"))
        .expect("the fixture is JSON")
}
