//! Files that editors put beside the one that is saved, for a moment or while it is open.

use std::ffi::OsStr;

/// Whether `name` is such a file: nobody wants to know that it changed.
///
/// Only names that no source file has. A temporary file with an everyday name is gone again before anything is told.
pub(super) fn is_ephemeral(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let name = &*name;
    vim(name) || emacs(name) || helpers(name) || random(name)
}

/// Whether vim may write here (`4913`), its backups, swap and undo files.
fn vim(name: &str) -> bool {
    let swap = name.starts_with('.')
        && name.rsplit_once(".sw").is_some_and(|(_, last)| last.len() == 1 && last.as_bytes()[0].is_ascii_lowercase());
    name == "4913" || name.ends_with('~') || swap
}

/// Locks and automatic saves.
fn emacs(name: &str) -> bool {
    name.starts_with(".#") || (name.len() > 1 && name.starts_with('#') && name.ends_with('#'))
}

/// JetBrains, VS Code, Kate, gedit, LibreOffice; what NFS and FUSE keep for a reader of a removed file; the Finder's notes.
fn helpers(name: &str) -> bool {
    const ENDS: [&str; 5] = ["___jb_tmp___", "___jb_old___", "___jb_bak___", ".vsctmp", ".kate-swp"];
    const STARTS: [&str; 4] = [".goutputstream-", ".~lock.", ".nfs0", ".fuse_hidden"];
    ENDS.iter().any(|end| name.ends_with(end)) || STARTS.iter().any(|start| name.starts_with(start)) || name == ".DS_Store"
}

/// `sed -i` writes to `sedXXXXXX`, several editors to `.tmpXXXXXX`. A capital or a digit tells them from a word such as `sedentary`.
fn random(name: &str) -> bool {
    ["sed", ".tmp"].iter().filter_map(|start| name.strip_prefix(start)).any(|rest| {
        rest.len() == 6
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && rest.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_editors_leave_is_known() {
        let names = [
            "4913",
            "main.rs~",
            ".main.rs.swp",
            ".main.rs.swx",
            ".main.rs.un~",
            ".#main.rs",
            "#main.rs#",
            "main.rs___jb_tmp___",
            "main.rs___jb_old___",
            "main.rs.vsctmp",
            ".main.rs.kate-swp",
            ".goutputstream-1A2B3C",
            "sedA1b2C3",
            ".tmpq8Zr1x",
            ".nfs000000000001",
            ".DS_Store",
            ".~lock.notes.odt#",
        ];
        let missed: Vec<_> = names.into_iter().filter(|name| !is_ephemeral(OsStr::new(name))).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }

    #[test]
    fn files_of_a_project_are_not() {
        let names = [
            "main.rs",
            "4914",
            ".env",
            ".gitignore",
            "sedentary",
            "sed.rs",
            "seder",
            "#",
            "a#",
            "#a",
            ".swp.rs",
            "x.swift",
            "photo.swf",
            ".tmp",
            ".tmp.rs",
            "tilde~.rs",
            ".x.sw",
            ".x.sw1",
            "tmp123",
            "Makefile",
            "naïve.rs",
            ".swé",
        ];
        let wrong: Vec<_> = names.into_iter().filter(|name| is_ephemeral(OsStr::new(name))).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
