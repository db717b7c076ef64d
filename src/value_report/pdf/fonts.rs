//! The fonts of a PDF, none of them embedded: the standard Helvetica in two encodings
//! for Latin letters, and the standard Song for everything else, which readers of
//! Chinese have.
//!
//! Widths are those of Adobe's metrics, in thousandths of the font's size.

/// A font as the resources of a page name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// Helvetica as Western languages are written.
    Western { bold: bool },
    /// Helvetica with the letters of Central Europe, the Baltic and Turkey.
    Central { bold: bool },
    /// Song, for Chinese, Japanese and Cyrillic.
    Song,
}

impl Face {
    pub const ALL: [Face; 5] = [
        Face::Western { bold: false },
        Face::Western { bold: true },
        Face::Central { bold: false },
        Face::Central { bold: true },
        Face::Song,
    ];

    /// Its name in the resources of a page.
    pub fn resource(self) -> &'static [u8] {
        match self {
            Face::Western { bold: false } => b"F1",
            Face::Western { bold: true } => b"F2",
            Face::Central { bold: false } => b"F3",
            Face::Central { bold: true } => b"F4",
            Face::Song => b"F5",
        }
    }

    /// The font that readers have.
    pub fn base(self) -> &'static [u8] {
        match self {
            Face::Western { bold: false } | Face::Central { bold: false } => b"Helvetica",
            Face::Western { bold: true } | Face::Central { bold: true } => b"Helvetica-Bold",
            Face::Song => b"STSong-Light",
        }
    }
}

/// A part of a text in one font.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub face: Face,
    /// The codes of its characters.
    pub codes: Vec<u8>,
    /// In thousandths of the font's size.
    pub width: u32,
}

/// A text as runs, each as long as it can be.
pub(super) fn runs(text: &str, bold: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for c in text.chars() {
        let (face, codes, width) = code(c, bold);
        match runs.last_mut() {
            Some(last) if last.face == face => {
                last.codes.extend(codes);
                last.width += width;
            }
            _ => runs.push(Run { face, codes, width }),
        }
    }
    runs
}

/// How wide a text is at a size.
pub(super) fn width(text: &str, bold: bool, size: f32) -> f32 {
    let width: u32 = text.chars().map(|c| code(c, bold).2).sum();
    width as f32 * size / 1_000.0
}

/// Whether a line may end before or after a character, whatever stands beside it.
pub(super) fn breaks_anywhere(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The font of a character, its code there, and its width.
fn code(c: char, bold: bool) -> (Face, Vec<u8>, u32) {
    let c = match c {
        '\u{a0}' | '\u{202f}' | '\u{2009}' | '\t' => ' ',
        '\u{2212}' | '\u{2010}' | '\u{2011}' => '-',
        c if c.is_control() => ' ',
        c => c,
    };
    if let Some(code) = western(c) {
        return (Face::Western { bold }, vec![code], helvetica(c, bold));
    }
    if let Some(place) = CENTRAL.iter().position(|(letter, ..)| *letter == c) {
        let code = FIRST_CENTRAL.saturating_add(u8::try_from(place).unwrap_or(0));
        return (Face::Central { bold }, vec![code], helvetica(CENTRAL[place].2, bold));
    }
    let mut units = [0; 2];
    let codes = c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()).collect();
    (Face::Song, codes, 1_000)
}

/// The code of a character in WinAnsiEncoding.
fn western(c: char) -> Option<u8> {
    const UPPER: [(char, u8); 27] = [
        ('€', 0x80),
        ('‚', 0x82),
        ('ƒ', 0x83),
        ('„', 0x84),
        ('…', 0x85),
        ('†', 0x86),
        ('‡', 0x87),
        ('ˆ', 0x88),
        ('‰', 0x89),
        ('Š', 0x8a),
        ('‹', 0x8b),
        ('Œ', 0x8c),
        ('Ž', 0x8e),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('˜', 0x98),
        ('™', 0x99),
        ('š', 0x9a),
        ('›', 0x9b),
        ('œ', 0x9c),
        ('ž', 0x9e),
        ('Ÿ', 0x9f),
    ];
    match c {
        ' '..='~' | '\u{a1}'..='\u{ff}' => u8::try_from(u32::from(c)).ok(),
        c => UPPER.iter().find(|(upper, _)| *upper == c).map(|(_, code)| *code),
    }
}

/// The first code of [`CENTRAL`].
pub(super) const FIRST_CENTRAL: u8 = 0x21;

/// Letters that WinAnsiEncoding lacks: each with its glyph and a letter as wide as it.
pub(super) const CENTRAL: [(char, &str, char); 78] = [
    ('Ą', "Aogonek", 'A'),
    ('ą', "aogonek", 'a'),
    ('Ć', "Cacute", 'C'),
    ('ć', "cacute", 'c'),
    ('Ę', "Eogonek", 'E'),
    ('ę', "eogonek", 'e'),
    ('Ł', "Lslash", 'L'),
    ('ł', "lslash", 'l'),
    ('Ń', "Nacute", 'N'),
    ('ń', "nacute", 'n'),
    ('Ś', "Sacute", 'S'),
    ('ś', "sacute", 's'),
    ('Ź', "Zacute", 'Z'),
    ('ź', "zacute", 'z'),
    ('Ż', "Zdotaccent", 'Z'),
    ('ż', "zdotaccent", 'z'),
    ('Č', "Ccaron", 'C'),
    ('č', "ccaron", 'c'),
    ('Ď', "Dcaron", 'D'),
    ('ď', "dcaron", 'm'),
    ('Ě', "Ecaron", 'E'),
    ('ě', "ecaron", 'e'),
    ('Ň', "Ncaron", 'N'),
    ('ň', "ncaron", 'n'),
    ('Ř', "Rcaron", 'R'),
    ('ř', "rcaron", 'r'),
    ('Ť', "Tcaron", 'T'),
    ('ť', "tcaron", 't'),
    ('Ů', "Uring", 'U'),
    ('ů', "uring", 'u'),
    ('Ľ', "Lcaron", 'L'),
    ('ľ', "lcaron", 't'),
    ('Ĺ', "Lacute", 'L'),
    ('ĺ', "lacute", 'l'),
    ('Ŕ', "Racute", 'R'),
    ('ŕ', "racute", 'r'),
    ('Ő', "Ohungarumlaut", 'O'),
    ('ő', "ohungarumlaut", 'o'),
    ('Ű', "Uhungarumlaut", 'U'),
    ('ű', "uhungarumlaut", 'u'),
    ('Ă', "Abreve", 'A'),
    ('ă', "abreve", 'a'),
    ('Ş', "Scedilla", 'S'),
    ('ş', "scedilla", 's'),
    ('Ș', "Scommaaccent", 'S'),
    ('ș', "scommaaccent", 's'),
    ('Ţ', "Tcommaaccent", 'T'),
    ('ţ', "tcommaaccent", 't'),
    ('Ț', "Tcommaaccent", 'T'),
    ('ț', "tcommaaccent", 't'),
    ('Đ', "Dcroat", 'D'),
    ('đ', "dcroat", 'd'),
    ('Ğ', "Gbreve", 'G'),
    ('ğ', "gbreve", 'g'),
    ('İ', "Idotaccent", 'I'),
    ('ı', "dotlessi", 'I'),
    ('Ā', "Amacron", 'A'),
    ('ā', "amacron", 'a'),
    ('Ē', "Emacron", 'E'),
    ('ē', "emacron", 'e'),
    ('Ī', "Imacron", 'I'),
    ('ī', "imacron", 'I'),
    ('Ū', "Umacron", 'U'),
    ('ū', "umacron", 'u'),
    ('Ė', "Edotaccent", 'E'),
    ('ė', "edotaccent", 'e'),
    ('Į', "Iogonek", 'I'),
    ('į', "iogonek", 'i'),
    ('Ų', "Uogonek", 'U'),
    ('ų', "uogonek", 'u'),
    ('Ģ', "Gcommaaccent", 'G'),
    ('ģ', "gcommaaccent", 'g'),
    ('Ķ', "Kcommaaccent", 'K'),
    ('ķ', "kcommaaccent", 'k'),
    ('Ļ', "Lcommaaccent", 'L'),
    ('ļ', "lcommaaccent", 'l'),
    ('Ņ', "Ncommaaccent", 'N'),
    ('ņ', "ncommaaccent", 'n'),
];

/// From the space to the tilde.
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];

/// The width of a character of WinAnsiEncoding.
fn helvetica(c: char, bold: bool) -> u32 {
    let widths = if bold { &BOLD } else { &REGULAR };
    let of = |c: char| u32::from(widths[usize::try_from(u32::from(c).saturating_sub(32)).unwrap_or(0).min(94)]);
    match c {
        ' '..='~' => of(c),
        'À'..='Å' => of('A'),
        'Æ' | '—' | '…' | '™' | '‰' | 'Œ' => 1_000,
        'Ç' => of('C'),
        'È'..='Ë' => of('E'),
        'Ì'..='Ï' | 'ì'..='ï' | '·' => 278,
        'Ð' => of('D'),
        'Ñ' => of('N'),
        'Ò'..='Ö' | 'Ø' => of('O'),
        'Ù'..='Ü' => of('U'),
        'Ý' | 'Ÿ' | 'Þ' => of('P'),
        'Š' => of('S'),
        'Ž' => of('Z'),
        'à'..='å' => of('a'),
        'æ' | '¼'..='¾' => 889,
        'ç' | 'š' => of('s'),
        'è'..='ë' => of('e'),
        'ñ' | 'ò'..='ö' | 'ù'..='ü' | 'ð' | 'þ' | 'ß' | 'ø' => of('n'),
        'ý' | 'ÿ' => of('y'),
        'ž' => of('z'),
        '×' | '÷' | '±' => 584,
        '‘' | '’' | '‚' => {
            if bold {
                278
            } else {
                222
            }
        }
        '“' | '”' | '„' | '‹' | '›' => {
            if bold {
                500
            } else {
                333
            }
        }
        '©' | '®' => 737,
        '°' => 400,
        '•' => 350,
        _ => 556,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_its_font_changes() {
        let faces = |text: &str| runs(text, false).iter().map(|run| run.face).collect::<Vec<_>>();
        let western = Face::Western { bold: false };
        assert_eq!(faces("Müller & Söhne – 5 €"), [western]);
        assert_eq!(faces("Łódź"), [Face::Central { bold: false }, western, Face::Central { bold: false }]);
        assert_eq!(faces("报表 12"), [Face::Song, western]);
        assert_eq!(runs("报", false)[0].codes, [0x62, 0xa5]);
        assert_eq!(runs("1\u{202f}234", false)[0].codes, b"1 234");
        assert_eq!(width("00", false, 10.0), width("€0", false, 10.0), "digits and the sign stand below each other");
    }

    #[test]
    fn each_letter_of_central_europe_has_a_code_of_its_own() {
        let last = usize::from(FIRST_CENTRAL) + CENTRAL.len() - 1;
        assert!(last <= 0x7e, "{last}");
        let letters: std::collections::BTreeSet<char> = CENTRAL.iter().map(|(letter, ..)| *letter).collect();
        assert_eq!(letters.len(), CENTRAL.len());
    }
}
