//! Embeds the shipped playbooks and scripts in the program, and rebuilds when a
//! migration is added: they are embedded, too.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=src/store/migrations");
    let mut text = String::new();
    for (constant, folder, ending) in [("PLAYBOOKS", "playbooks", ".yaml"), ("SCRIPTS", "scripts", ".rhai")] {
        println!("cargo:rerun-if-changed={folder}");
        let mut names = Vec::new();
        list(Path::new(folder), "", &mut names)?;
        names.sort();
        text.push_str(&format!("/// The files of `{folder}`, by their paths below it without the ending.\n"));
        text.push_str(&format!("pub const {constant}: &[(&str, &str)] = &[\n"));
        for name in names.iter().filter_map(|name| name.strip_suffix(ending)) {
            let path = format!("/{folder}/{name}{ending}");
            text.push_str(&format!("    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),\n"));
        }
        text.push_str("];\n");
    }
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(Path::new(&out).join("shipped.rs"), text)
}

/// Adds the files of a folder and of those in it, by their paths below the first one.
fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{name}/"), names)?;
        } else {
            names.push(name);
        }
    }
    Ok(())
}
