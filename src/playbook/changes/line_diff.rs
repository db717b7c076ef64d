//! Two texts line by line: which lines only one of them has.

/// Tables larger than this are not made; then the middle counts as replaced.
const MOST_CELLS: usize = 4_000_000;

/// Whose a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineOrigin {
    Both,
    /// Only the text before has it.
    Before,
    /// Only the text after has it.
    After,
}

/// A line of two texts, with its numbers in them, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComparedLine<'a> {
    pub origin: LineOrigin,
    pub before: Option<usize>,
    pub after: Option<usize>,
    pub text: &'a str,
}

/// The lines of both texts in one order, with as many in common as there can be.
pub fn compare_lines<'a>(before: &'a str, after: &'a str) -> Vec<ComparedLine<'a>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
    let both = |old_at: usize, new_at: usize| ComparedLine {
        origin: LineOrigin::Both,
        before: Some(old_at + 1),
        after: Some(new_at + 1),
        text: old[old_at],
    };
    let mut lines: Vec<ComparedLine<'_>> = (0..head).map(|at| both(at, at)).collect();
    let (old_end, new_end) = (old.len() - tail, new.len() - tail);
    let (mut old_at, mut new_at) = (head, head);
    for (old_same, new_same) in common(&old[head..old_end], &new[head..new_end]) {
        push_apart(&mut lines, &old, old_at..head + old_same, &new, new_at..head + new_same);
        lines.push(both(head + old_same, head + new_same));
        (old_at, new_at) = (head + old_same + 1, head + new_same + 1);
    }
    push_apart(&mut lines, &old, old_at..old_end, &new, new_at..new_end);
    lines.extend((0..tail).map(|at| both(old_end + at, new_end + at)));
    lines
}

/// Lines that only one of the texts has, those of before first.
fn push_apart<'a>(
    lines: &mut Vec<ComparedLine<'a>>,
    old: &[&'a str],
    old_range: std::ops::Range<usize>,
    new: &[&'a str],
    new_range: std::ops::Range<usize>,
) {
    lines.extend(old_range.map(|at| ComparedLine {
        origin: LineOrigin::Before,
        before: Some(at + 1),
        after: None,
        text: old[at],
    }));
    lines.extend(new_range.map(|at| ComparedLine {
        origin: LineOrigin::After,
        before: None,
        after: Some(at + 1),
        text: new[at],
    }));
}

/// The places of the longest sequence of lines that both have.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    if old.is_empty() || new.is_empty() || (old.len() + 1).saturating_mul(width) > MOST_CELLS {
        return Vec::new();
    }
    // How long it is from each pair of places on.
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = match old[i] == new[j] {
                true => lengths[(i + 1) * width + j + 1] + 1,
                false => lengths[(i + 1) * width + j].max(lengths[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            found.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(before: &str, after: &str) -> Vec<String> {
        let sign = |line: &ComparedLine<'_>| match line.origin {
            LineOrigin::Both => format!(" {}", line.text),
            LineOrigin::Before => format!("-{}", line.text),
            LineOrigin::After => format!("+{}", line.text),
        };
        compare_lines(before, after).iter().map(sign).collect()
    }

    #[test]
    fn what_both_have_stays_in_one_line() {
        assert_eq!(compared("a\nb\nc\n", "a\nx\nc\n"), [" a", "-b", "+x", " c"]);
        assert_eq!(compared("a\nb\n", "a\nb\n"), [" a", " b"]);
        assert_eq!(compared("", "a\n"), ["+a"]);
        assert_eq!(compared("a\n", ""), ["-a"]);
        assert_eq!(compared("a\nb\na\n", "a\na\n"), [" a", "-b", " a"]);
        assert_eq!(compared("a\n", "a\na\n"), [" a", "+a"]);
        assert_eq!(compared("a\nb\nc\nd\ne", "b\nd\nx"), ["-a", " b", "-c", " d", "-e", "+x"]);
    }

    #[test]
    fn each_text_is_whole_and_numbered() {
        let (before, after) = ("a\nb\nc\nd\ne", "x\nb\nd\ny\ne");
        let lines = compare_lines(before, after);
        let of = |number: fn(&ComparedLine<'_>) -> Option<usize>| -> Vec<(usize, &str)> {
            lines.iter().filter_map(|line| Some((number(line)?, line.text))).collect()
        };
        let numbered = |text: &'static str| -> Vec<(usize, &str)> {
            text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect()
        };
        assert_eq!(of(|line| line.before), numbered(before));
        assert_eq!(of(|line| line.after), numbered(after));
    }

    #[test]
    fn texts_without_bounds_are_replaced_whole() {
        let before: String = (0..3_000).map(|n| format!("old {n}\n")).collect();
        let after: String = (0..3_000).map(|n| format!("new {n}\n")).collect();
        let lines = compare_lines(&before, &after);
        assert_eq!(lines.len(), 6_000);
        assert!(lines.iter().all(|line| line.origin != LineOrigin::Both));
    }
}
