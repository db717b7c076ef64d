//! A sheet as a PDF: one page, and more where it is long. The same sheet gives the
//! same bytes: nothing in it is of the moment or of the machine.
//!
//! - `canvas`: pages that texts and bars are drawn on;
//! - `fonts`: which characters are of which font, and how wide they are.

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use self::canvas::{Canvas, Color, MARGIN, PAGE, Style};
use self::fonts::{CENTRAL, FIRST_CENTRAL, Face};
use super::Sheet;

mod canvas;
mod fonts;

const BLACK: Color = [0.1, 0.12, 0.15];
const GRAY: Color = [0.4, 0.43, 0.47];
const PALE: Color = [0.72, 0.75, 0.79];
const BLUE: Color = [0.15, 0.39, 0.68];
const TRACK: Color = [0.92, 0.93, 0.94];

const TITLE: Style = Style { size: 20.0, bold: true, color: BLACK };
const ACCOUNT: Style = Style { size: 13.0, bold: true, color: BLACK };
const SMALL: Style = Style { size: 9.0, bold: false, color: GRAY };
const TEXT: Style = Style { size: 10.5, bold: false, color: BLACK };
const LABEL: Style = Style { size: 11.0, bold: true, color: BLACK };
const VALUE: Style = Style { size: 10.0, bold: false, color: BLACK };

/// Where bars begin, and how long the longest is.
const BAR_LEFT: f32 = MARGIN + 62.0;
const BAR_LENGTH: f32 = 250.0;

/// The sheet as the bytes of a PDF.
pub fn pdf(sheet: &Sheet) -> Vec<u8> {
    let mut canvas = Canvas::new();
    draw(sheet, &mut canvas);
    write(sheet, canvas.finish())
}

fn draw(sheet: &Sheet, canvas: &mut Canvas) {
    canvas.paragraph(&sheet.title, TITLE);
    canvas.paragraph(&sheet.account, ACCOUNT);
    canvas.down(2.0);
    canvas.paragraph(&sheet.dates, SMALL);
    if let Some(intro) = &sheet.intro {
        canvas.down(6.0);
        canvas.paragraph(intro, TEXT);
    }
    canvas.down(8.0);
    for row in &sheet.rows {
        canvas.keep_together(70.0);
        canvas.down(20.0);
        canvas.text(MARGIN, &row.label, LABEL);
        canvas.text_right(PAGE.0 - MARGIN, &row.change, Style { bold: row.is_better == Some(true), ..VALUE });
        let most = row.values.iter().flatten().fold(0.0_f64, |most, value| most.max(*value));
        let values = [(&sheet.headings[0], &row.before, PALE), (&sheet.headings[1], &row.after, BLUE)];
        for ((heading, text, color), value) in values.into_iter().zip(row.values) {
            canvas.down(15.0);
            canvas.text(MARGIN, heading, SMALL);
            let share = value.filter(|_| most > 0.0).map_or(0.0, |value| (value / most).clamp(0.0, 1.0));
            let length = share as f32 * BAR_LENGTH;
            if length > 0.0 {
                canvas.bar(BAR_LEFT, -1.5, length, 9.0, color);
            }
            let color = if value.is_some() { BLACK } else { GRAY };
            let gap = if length > 0.0 { 6.0 } else { 0.0 };
            canvas.text(BAR_LEFT + length + gap, text, Style { color, ..VALUE });
        }
        if let (None, Some(rate)) = (&row.worth, &row.rate) {
            canvas.down(15.0);
            canvas.text(BAR_LEFT, rate, SMALL);
        }
        if let Some(worth) = &row.worth {
            canvas.down(15.0);
            canvas.text(MARGIN, &sheet.headings[3], SMALL);
            let rate = row.rate.as_ref().map(|rate| format!("  {rate}")).unwrap_or_default();
            canvas.text(BAR_LEFT, worth, Style { bold: true, ..VALUE });
            canvas.text(BAR_LEFT + fonts::width(worth, true, VALUE.size), &rate, SMALL);
        }
    }
    if let Some(gain) = &sheet.gain {
        canvas.keep_together(40.0);
        canvas.down(10.0);
        canvas.paragraph(gain, ACCOUNT);
    }
    if let Some(not_counted) = &sheet.not_counted {
        canvas.paragraph(not_counted, SMALL);
    }
    if !sheet.goals.is_empty() {
        canvas.keep_together(60.0);
        canvas.down(10.0);
        canvas.paragraph(&sheet.goals_heading, ACCOUNT);
    }
    for goal in &sheet.goals {
        canvas.keep_together(32.0);
        canvas.down(3.0);
        canvas.paragraph(&format!("{}{}{}", goal.label, sheet.colon, goal.standing), TEXT);
        let share = goal.progress.map_or(0.0, |progress| (progress / 100.0).clamp(0.0, 1.0)) as f32;
        canvas.bar(MARGIN, -7.0, BAR_LENGTH, 4.0, TRACK);
        canvas.bar(MARGIN, -7.0, BAR_LENGTH * share, 4.0, BLUE);
        canvas.down(8.0);
    }
}

fn write(sheet: &Sheet, pages: Vec<Vec<u8>>) -> Vec<u8> {
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, info) = (id(), id(), id());
    let fonts: Vec<(Face, Ref)> = Face::ALL.into_iter().map(|face| (face, id())).collect();
    let (song, descriptor) = (id(), id());
    let pages: Vec<(Ref, Ref, Vec<u8>)> = pages.into_iter().map(|content| (id(), id(), content)).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree).lang(TextStr(&sheet.language));
    pdf.pages(tree).kids(pages.iter().map(|(page, ..)| *page)).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    pdf.document_info(info).title(TextStr(&format!("{}{}{}", sheet.title, sheet.colon, sheet.account)));
    for (page, contents, bytes) in &pages {
        let mut page = pdf.page(*page);
        page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(*contents);
        let mut resources = page.resources();
        let mut named = resources.fonts();
        for (face, font) in &fonts {
            named.pair(Name(face.resource()), *font);
        }
        named.finish();
        resources.finish();
        page.finish();
        pdf.stream(*contents, bytes);
    }
    for (face, font) in fonts {
        match face {
            Face::Western { .. } => {
                pdf.type1_font(font).base_font(Name(face.base())).encoding_predefined(Name(b"WinAnsiEncoding"));
            }
            Face::Central { .. } => {
                let mut font = pdf.type1_font(font);
                font.base_font(Name(face.base()));
                let mut encoding = font.encoding_custom();
                encoding.base_encoding(Name(b"WinAnsiEncoding"));
                let glyphs = CENTRAL.iter().map(|(_, glyph, _)| Name(glyph.as_bytes()));
                encoding.differences().consecutive(FIRST_CENTRAL, glyphs);
            }
            Face::Song => {
                pdf.type0_font(font)
                    .base_font(Name(b"STSong-Light-UniGB-UTF16-H"))
                    .encoding_predefined(Name(b"UniGB-UTF16-H"))
                    .descendant_font(song);
            }
        }
    }
    let system = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"GB1"), supplement: 5 };
    pdf.cid_font(song)
        .subtype(CidFontType::Type0)
        .base_font(Name(Face::Song.base()))
        .system_info(system)
        .font_descriptor(descriptor)
        .default_width(1_000.0);
    pdf.font_descriptor(descriptor)
        .name(Name(Face::Song.base()))
        .flags(FontFlags::SYMBOLIC | FontFlags::SERIF)
        .bbox(Rect::new(-25.0, -254.0, 1_000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(880.0)
        .stem_v(93.0);
    pdf.finish()
}
