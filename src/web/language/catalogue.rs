//! The texts of each language but English.

use std::collections::HashMap;
use std::sync::LazyLock;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("zh/", $name, ".yaml")))),*]
    };
}

/// The files of Chinese, by area of the pages. `words` has what templates say of a value
/// that they know only when they are filled, such as the name of a state.
pub(super) const CHINESE_FILES: &[(&str, &str)] =
    files!["accounts", "common", "management", "operations", "words", "work"];

/// Chinese by the English text.
pub(super) static CHINESE: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let read = |(name, text): &(&str, &str)| {
        let file = serde_yaml::from_str::<HashMap<String, String>>(text);
        file.unwrap_or_else(|error| panic!("{name}.yaml is part of the program, and a test reads it: {error}"))
    };
    CHINESE_FILES.iter().flat_map(read).collect()
});
