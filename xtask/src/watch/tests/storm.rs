//! Ten thousand random saves, faster than anybody types: none is lost, and nothing is told twice.

use std::io::Write as _;

use super::*;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn directory(&mut self) -> String {
        match self.below(3) {
            0 => format!("d{}/e{}", self.below(6), self.below(3)),
            _ => format!("d{}", self.below(6)),
        }
    }

    fn file(&mut self) -> String {
        format!("{}/f{}.rs", self.directory(), self.below(8))
    }
}

/// One thing that may happen to a tree. Much of it fails, as when there is no such file any more; that is part of it.
fn happen(root: &Path, dice: &mut Dice, n: u32) -> std::io::Result<()> {
    let path = root.join(dice.file());
    let text = format!("{n} ").repeat(1 + dice.below(2000) as usize);
    match dice.below(100) {
        0..40 => fs::write(path, text),
        40..50 => fs::OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes()),
        50..65 => {
            let beside = path.with_file_name(format!("saving.{n}"));
            fs::write(&beside, text)?;
            fs::rename(&beside, path).inspect_err(|_| drop(fs::remove_file(&beside)))
        }
        65..75 => fs::rename(path, root.join(dice.file())),
        75..82 => fs::remove_file(path),
        82..86 => fs::read(&path).and_then(|same| fs::write(path, same)),
        86..89 => fs::File::options().write(true).open(path)?.set_modified(std::time::SystemTime::now()),
        89..94 => fs::create_dir_all(path.with_file_name("")).and_then(|()| fs::write(path, text)),
        94..96 => fs::rename(root.join(dice.directory()), root.join(dice.directory())),
        96..97 => fs::remove_dir_all(root.join(dice.directory())),
        97..98 => {
            // Always whole: rules that are gone for a moment would rightly be told.
            fs::write(root.join("rules~"), if dice.below(2) == 0 { "target/\n" } else { "target/\n# nothing else\n" })?;
            fs::rename(root.join("rules~"), root.join(".gitignore"))
        }
        _ => fs::create_dir_all(root.join("target")).and_then(|()| fs::write(root.join("target/out"), text)),
    }
}

#[test]
fn no_save_is_lost_and_nothing_is_told_twice() {
    let mut scene = Scene::with(setup(Windows::default()), |root| {
        write(&root.join(".gitignore"), "target/\n");
        (0..6).for_each(|n| write(&root.join(format!("d{n}/e{}/f0.rs", n % 3)), "start"));
    });
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut n = 0;
    // Long storms, where batches are cut at the cap, and short ones with a look at the result.
    for saves in [5000].into_iter().chain([100; 50]) {
        let mut done = 0;
        while done < saves {
            done += u32::from(happen(&scene.root, &mut dice, n).is_ok());
            n += 1;
        }
        // Each batch is seen to tell only news.
        scene.rest();
        scene.agrees_with_the_disk();
    }
}
