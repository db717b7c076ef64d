//! `keepwell fmt`: one way to lay a file out, with nothing that it says changed.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use keepwell::diagnostic::Diagnostic;
use keepwell::playbook::renaming;
use keepwell::playbook::yaml::format::{Unformatted, comments, format, same};
use keepwell::playbook::yaml::{self, Node};
use proptest::prelude::*;

use crate::support::program::{Answer, Home, shipped_files};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tree(text: &str) -> Option<Node> {
    let mut problems = Vec::new();
    let tree = yaml::read(&Arc::from("a.yaml"), text, &mut problems);
    tree.filter(|_| !problems.iter().any(Diagnostic::is_error))
}

fn formatted(text: &str) -> Result<String, Unformatted> {
    format(&Arc::from("a.yaml"), text)
}

/// The lines that are comments alone, wherever the formatter thinks they are.
fn comment_lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| line.starts_with('#')).collect()
}

/// Formats a text that can be read, and holds the answer against it.
fn assert_kept(name: &str, text: &str) -> String {
    let once = formatted(text).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let (before, after) = (tree(text).expect("a tree"), tree(&once).expect("a tree"));
    assert!(same(&before, &after), "{name}:\n{once}");
    assert_eq!(renaming::rules(text), renaming::rules(&once), "{name}");
    assert_eq!(comment_lines(text), comment_lines(&once), "{name}");
    assert_eq!(text.matches('#').count(), once.matches('#').count(), "{name}");
    assert_eq!(formatted(&once).as_ref(), Ok(&once), "{name}: once more");
    once
}

fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    paths.sort();
    // A file that is not UTF-8 is nothing to format.
    paths.into_iter().filter_map(|path| Some((path.clone(), std::fs::read_to_string(path).ok()?))).collect()
}

#[test]
fn the_shipped_playbooks_are_formatted() {
    let files: Vec<_> = shipped_files().into_iter().filter(|(path, _)| path.ends_with(".yaml")).collect();
    assert!(files.len() >= 7);
    for (path, text) in files {
        assert_eq!(assert_kept(&path, &text), text, "{path}");
    }
}

#[test]
fn every_example_of_the_pages_keeps_what_it_says() {
    let mut seen = 0;
    for page in ["README.md", "docs/playbooks.md", "docs/operations.md", "docs/diagnostics.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            if tree(block).is_some() {
                assert_kept(page, block);
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_files_with_mistakes_keep_them_and_broken_ones_are_refused() {
    let (mut seen, mut refused) = (0, 0);
    for (path, text) in ["form", "meaning"].iter().flat_map(|folder| files(&format!("tests/diagnostics/{folder}"))) {
        let name = path.display().to_string();
        if tree(&text).is_some() {
            assert_kept(&name, &text);
            seen += 1;
        } else {
            let Err(Unformatted::Broken(problems)) = formatted(&text) else { panic!("{name} was formatted") };
            assert!(problems.iter().all(Diagnostic::is_error) && !problems.is_empty(), "{name}: {problems:?}");
            refused += 1;
        }
    }
    assert!(seen >= 60 && refused >= 10, "{seen} {refused}");
}

#[test]
fn indentation_spaces_and_blank_lines_are_set() {
    let text = r#"

# About it.


playbook:   welcome   
about: "A long
      sentence"   # why
schedule: '@daily' # each day
when: |+
      account.mrr > 5

        && account.seats > 2
   # Not part of it.
steps:

- task: {title: "Call",outcomes: [ a,b ,c ], checklist: [{}, []] }


-   wait:
        until: |2
            done("task-1")
          || true
        at_most:    4d          # so
        on_met: end             # and so
-  branch:
   - if: "a"
     steps:
         # First.
       - end: x   
     # Last of the way.
   # Last of all ways.
# Not first.
tests:
    - name: long
      events:
            login:   [-3d,
                      -4d, { a: 1,
                 b: 2 } ]
            other: [
              1,   # one
                  2
            ]
      about:
          one
            two
      expect:
        # Nothing yet.
"#;
    let right = r#"# About it.

playbook: welcome
about: "A long
  sentence"  # why
schedule: '@daily'  # each day
when: |+
  account.mrr > 5

    && account.seats > 2
# Not part of it.
steps:

  - task: { title: "Call", outcomes: [a, b, c], checklist: [ {}, [] ] }

  - wait:
      until: |2
          done("task-1")
        || true
      at_most: 4d               # so
      on_met: end               # and so
  - branch:
      - if: "a"
        steps:
          # First.
          - end: x
        # Last of the way.
      # Last of all ways.
# Not first.
tests:
  - name: long
    events:
      login: [-3d,
              -4d, { a: 1,
         b: 2 }]
      other: [
        1,  # one
        2
      ]
    about:
      one
        two
    expect:
      # Nothing yet.
"#;
    assert_eq!(assert_kept("ugly", text), right);
    assert_eq!(comments(text), comments(right));
    let returns = text.replace('\n', "\r\n");
    assert_eq!(formatted(&returns), Ok(right.replace('\n', "\r\n")));
    assert_eq!(formatted(""), Ok(String::new()));
    assert_eq!(formatted("? a\n: b\n"), Err(Unformatted::Unknown));
}

/// A value and how its author would break it into lines.
#[derive(Clone, Debug)]
enum Written {
    Plain(String),
    Quoted(Vec<String>),
    Block(char, Vec<String>),
    List(Vec<Written>),
    Mapping(Vec<(String, Written)>),
    FlowList(Vec<Written>),
    FlowMapping(Vec<(String, Written)>),
}

fn written() -> impl Strategy<Value = Written> {
    let word = "[a-z]{1,6}";
    let flow = prop_oneof![
        "[a-z]{1,4}( [a-z]{1,4})?".prop_map(Written::Plain),
        prop::collection::vec("[a-z #:,-]{1,6}", 1..2).prop_map(Written::Quoted),
    ]
    .prop_recursive(2, 6, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Written::FlowList),
            prop::collection::vec((word, inner), 0..3).prop_map(Written::FlowMapping),
        ]
    });
    let leaf = prop_oneof![
        3 => flow,
        1 => prop::collection::vec("[a-z#:]{1,6}", 1..3).prop_map(Written::Quoted),
        2 => ("[|>]", prop::collection::vec("(  )?[a-z#:-]{0,6} ?", 1..4)).prop_map(|(style, lines)| {
            let first = std::iter::once("first".to_owned());
            Written::Block(style.chars().next().unwrap(), first.chain(lines).chain(["last".to_owned()]).collect())
        }),
    ];
    let tree = leaf.prop_recursive(4, 20, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Written::List),
            prop::collection::vec((word, inner), 1..4).prop_map(Written::Mapping),
        ]
    });
    prop::collection::vec((word, tree), 1..5).prop_map(Written::Mapping)
}

/// Writes a value as careless authors do; the numbers say how careless.
struct Author<'a> {
    text: String,
    numbers: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl Author<'_> {
    fn spaces(&mut self, most: u8) -> String {
        " ".repeat(usize::from(self.numbers.next().unwrap() % (most + 1)))
    }

    fn end_line(&mut self) {
        let blanks = self.spaces(2);
        self.text += &blanks;
        self.text += "\n";
    }

    /// The value behind a key or a dash in a column.
    fn value(&mut self, value: &Written, column: usize, in_list: bool) {
        let further = usize::from(self.numbers.next().unwrap() % 4);
        match value {
            Written::List(items) => {
                // A list may stand in the column of its key.
                let column = column + further + usize::from(in_list);
                self.end_line();
                for item in items {
                    self.text += &" ".repeat(column);
                    self.text += "-";
                    self.value(item, column, true);
                }
            }
            Written::Mapping(entries) => {
                let column = column + 1 + further;
                self.end_line();
                self.entries(entries, column);
            }
            Written::Block(style, lines) => {
                self.text += &format!(" {style}");
                self.end_line();
                for line in lines {
                    if !line.trim().is_empty() {
                        self.text += &" ".repeat(column + 1 + further);
                        self.text += line;
                    }
                    self.text += "\n";
                }
            }
            flow => {
                let blanks = self.spaces(2);
                self.text += " ";
                self.text += &blanks;
                self.flow(flow, column);
                self.end_line();
            }
        }
    }

    fn entries(&mut self, entries: &[(String, Written)], column: usize) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if key.len() % 3 == 0 {
                self.text += &" ".repeat(column);
                self.text += "# A remark.\n";
            }
            self.text += &" ".repeat(column);
            self.text += &format!("{key}{index}:");
            self.value(value, column, false);
        }
    }

    fn flow(&mut self, value: &Written, column: usize) {
        let (open, close) = match value {
            Written::Plain(text) => return self.text += text,
            Written::Quoted(lines) => {
                let between = format!("\n{}", " ".repeat(column + 3));
                self.text += &format!("\"{}\"", lines.join(&between));
                return;
            }
            Written::FlowMapping(_) => ("{", "}"),
            _ => ("[", "]"),
        };
        self.text += open;
        let none = Vec::new();
        let entries = if let Written::FlowMapping(entries) = value { entries } else { &none };
        let items = if let Written::FlowList(items) = value { items } else { &Vec::new() };
        let keys = entries.iter().enumerate().map(|(index, (key, value))| (format!("{key}{index}: "), value));
        for (index, (key, value)) in keys.chain(items.iter().map(|item| (String::new(), item))).enumerate() {
            let blanks = if index > 0 { format!("{},{}", self.spaces(1), self.spaces(2)) } else { self.spaces(2) };
            self.text += &blanks;
            self.text += &key;
            self.flow(value, column);
        }
        let blanks = self.spaces(2);
        self.text += &blanks;
        self.text += close;
    }
}

fn write(entries: &Written, numbers: &[u8]) -> String {
    let mut author = Author { text: String::new(), numbers: numbers.iter().cycle() };
    if let Written::Mapping(entries) = entries {
        author.entries(entries, 0);
    }
    author.text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_spaces_the_answer_is_one(
        value in written(),
        careless in prop::collection::vec(1_u8..5, 7..30),
        careful in prop::collection::vec(1_u8..5, 7..30),
    ) {
        let one = assert_kept("one", &write(&value, &careless));
        let other = assert_kept("other", &write(&value, &careful));
        prop_assert_eq!(one, other);
    }
}

/// Runs `fmt -` on a text.
fn pipe(home: &Home, arguments: &[&str], text: &str) -> Answer {
    let mut command = home.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Answer {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

const SLOPPY: &str = "playbook:  p\nsteps:\n- wait:   3d\n";
const TIDY: &str = "playbook: p\nsteps:\n  - wait: 3d\n";

#[test]
fn fmt_writes_files_in_place_and_leaves_broken_ones() {
    let home = Home::new("fmt");
    let broken = "playbook: [\n";
    home.write("playbooks/a.yaml", TIDY);
    home.write("playbooks/b.yaml", SLOPPY);
    home.write("playbooks/deep/c.yaml", broken);
    let path = |file: &str| home.path.join("playbooks").join(file);
    let read = |file: &str| std::fs::read_to_string(path(file)).unwrap();
    std::fs::set_permissions(path("b.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("b.yaml", path("link.yaml")).unwrap();

    let checked = home.run(&["fmt", "--check"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (1, "playbooks/b.yaml\n"), "{checked:?}");
    assert_eq!(read("b.yaml"), SLOPPY, "--check writes nothing");

    let done = home.run(&["fmt"]);
    assert_eq!((done.code, done.stdout.as_str()), (1, "playbooks/b.yaml\n"), "{done:?}");
    assert!(done.stderr.contains("error[KW0002]") && done.stderr.contains("playbooks/deep/c.yaml:"), "{done:?}");
    assert_eq!((read("a.yaml").as_str(), read("b.yaml").as_str(), read("deep/c.yaml").as_str()), (TIDY, TIDY, broken));
    assert_eq!(std::fs::metadata(path("b.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
    let left = std::fs::read_dir(path("")).unwrap().count();
    assert_eq!(left, 4, "nothing is left beside the files");

    home.remove("playbooks/deep/c.yaml");
    let again = home.done(&["fmt"]);
    assert_eq!((again.stdout.as_str(), again.stderr.as_str()), ("", "2 files, 0 formatted\n"));
    home.done(&["fmt", "--check"]);

    // Through a link the file behind it is written, and the link stays.
    home.write("playbooks/b.yaml", SLOPPY);
    assert_eq!(home.done(&["fmt", "playbooks/link.yaml"]).stdout, "playbooks/link.yaml\n");
    assert!(path("link.yaml").is_symlink());
    assert_eq!(read("b.yaml"), TIDY);
}

#[test]
fn fmt_reads_stdin_and_names_what_it_cannot_format() {
    let home = Home::new("fmt-stdin");
    let done = pipe(&home, &["fmt", "-"], SLOPPY);
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (0, TIDY, ""));
    assert_eq!(pipe(&home, &["fmt", "-"], TIDY).stdout, TIDY);
    let checked = pipe(&home, &["fmt", "--check", "-"], SLOPPY);
    assert_eq!((checked.code, checked.stdout.as_str()), (1, ""));
    assert_eq!(pipe(&home, &["fmt", "--check", "-"], TIDY).code, 0);
    let broken = pipe(&home, &["fmt", "-"], "a: 1\na: 2\n");
    assert_eq!((broken.code, broken.stdout.as_str()), (1, ""));
    assert!(broken.stderr.contains("error[KW0003]"), "{broken:?}");
    home.write("playbooks/odd.yaml", "? a\n: b\n");
    let odd = home.run(&["fmt"]);
    assert_eq!(odd.code, 1);
    assert!(odd.stderr.contains("playbooks/odd.yaml: it has YAML that `fmt` does not know"), "{odd:?}");
    let nothing = home.run(&["fmt", "nowhere"]);
    assert!(nothing.code == 1 && nothing.stderr.contains("KW0001"), "{nothing:?}");
    home.remove("playbooks/odd.yaml");
    assert!(home.run(&["fmt"]).stderr.contains("no playbooks in `playbooks`"));
}
