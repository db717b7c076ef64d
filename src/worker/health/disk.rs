//! The space on the disk of a folder.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The bytes that this process may still write to the disk of a folder. A
/// folder that is not there yet will be on the disk of the next one above it.
/// Blocks as long as the disk takes.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let absolute = std::path::absolute(folder)?;
    let there = absolute.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let path = CString::new(there.as_os_str().as_bytes())?;
    // SAFETY: all fields of the structure are numbers, for which zero is valid.
    let mut about: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero, and `about` is ours to be written to.
    if unsafe { libc::statvfs(path.as_ptr(), &raw mut about) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_says_how_much_is_free() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let free = free_bytes(here).unwrap();
        assert!(free > 0);
        assert!(free_bytes(&here.join("not/there/yet")).unwrap() > 0);
        assert!(free_bytes(Path::new("")).unwrap() > 0);
        // Nothing can be written to it.
        assert_eq!(free_bytes(Path::new("/proc")).unwrap(), 0);
    }
}
