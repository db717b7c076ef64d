//! Texts without their case, the same in the database whatever its locale, and here.

/// Capital letters beyond a to z: Latin, Greek and Cyrillic ones.
const CAPITALS: &str = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĄĆĘŁŃŚŹŻČĎĚŇŘŠŤŮŽŐŰĞŞ\
    ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ";

/// The small ones, in the same order.
const SMALL: &str = "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþąćęłńśźżčďěňřšťůžőűğş\
    αβγδεζηθικλμνξοπρστυφχψωабвгдеёжзийклмнопрстуфхцчшщъыьэюя";

/// A text in small letters.
pub fn fold_case(text: &str) -> String {
    let small = |c: char| match CAPITALS.chars().position(|capital| capital == c) {
        Some(at) => SMALL.chars().nth(at).unwrap_or(c),
        None => c.to_ascii_lowercase(),
    };
    text.chars().map(small).collect()
}

/// The expression that gives the same of a text.
pub fn folded(text: &str) -> String {
    format!("translate(lower({text} collate \"C\"), '{CAPITALS}', '{SMALL}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_its_small_one() {
        assert_eq!(CAPITALS.chars().count(), SMALL.chars().count());
        for (capital, small) in CAPITALS.chars().zip(SMALL.chars()) {
            assert_eq!(capital.to_lowercase().collect::<String>(), small.to_string());
        }
        assert_eq!(fold_case("ÄRGER with SSO, Żółw, ЭКСПОРТ, 导出"), "ärger with sso, żółw, экспорт, 导出");
    }
}
