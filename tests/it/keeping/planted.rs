//! What others left where lapsed writes: a link leads it nowhere, and what names people is for the
//! owner's eyes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::world::{Daemon, FUTURE, Printed, World, until};

async fn world() -> World {
    let world = World::new().await;
    world
        .grants(&[&format!("jane@example.com,sentius:acme,{FUTURE}")])
        .await;
    world.write("precious", "precious");
    world
}

fn is_untouched(world: &World) {
    let precious = fs::read_to_string(world.path("precious")).unwrap();
    assert_eq!(precious, "precious");
}

/// The exit code and the log of a daemon that ends by itself.
async fn until_gone(daemon: &mut Daemon) -> (i32, String) {
    while daemon.is_running() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (daemon.code().unwrap_or(-1), daemon.log())
}

async fn report(world: &World, to: &Path) -> Printed {
    let to = to.to_str().unwrap();
    world.lapsed(&["report", "--output", to]).await
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_beside_the_database_is_followed() {
    for hard in [false, true] {
        let world = world().await;
        for ending in ["daemon", "pass", "lock", "open", "turn", "mark"] {
            let planted = world.path(&format!("lapsed.db.{ending}"));
            let kept = fs::read(&planted).ok();
            let _ = fs::remove_file(&planted);
            if hard {
                fs::hard_link(world.path("precious"), &planted).unwrap();
            } else {
                symlink(world.path("precious"), &planted).unwrap();
            }
            let (code, words) = if ending == "daemon" {
                let mut daemon = Daemon::start(&world);
                until("the daemon ends", || daemon.log().contains("lapsed: ")).await;
                until_gone(&mut daemon).await
            } else {
                let printed = world.lapsed(&["--run-now"]).await;
                (printed.code, printed.stderr)
            };
            assert_eq!(code, 1, "{ending}: {words}");
            let said = format!("lapsed.db.{ending}");
            assert!(words.contains(&said) && words.contains("link"), "{words}");
            is_untouched(&world);
            fs::remove_file(&planted).unwrap();
            if let Some(bytes) = kept {
                world.write(&said, std::str::from_utf8(&bytes).unwrap());
            }
        }
        assert_eq!(world.run().await.code, 0);
    }
}

/// The exit code of a command, and what it said; it does not wait for what was planted.
async fn ends(world: &World, args: &[&str]) -> (i32, String) {
    let mut child = world.command(args).spawn().unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begin.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            panic!("it waits: {args:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let printed = Printed::of(&child.wait_with_output().unwrap());
    (printed.code, printed.stderr)
}

/// Makes a pipe that nobody reads.
fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sqlite_opens_by_its_name_is_a_file_of_its_own() {
    let world = world().await;
    for ending in ["-wal", "-shm", "-journal"] {
        let planted = world.path(&format!("lapsed.db{ending}"));
        for kind in ["hard link", "symbolic link", "no regular file"] {
            match kind {
                "hard link" => fs::hard_link(world.path("precious"), &planted).unwrap(),
                "symbolic link" => symlink(world.path("precious"), &planted).unwrap(),
                _ => pipe(&planted),
            }
            for args in [&["list"][..], &["--run-now"]] {
                let (code, words) = ends(&world, args).await;
                assert_eq!(code, 1, "{ending}, {kind}, {args:?}: {words}");
                let said = format!("lapsed.db{ending}: ");
                assert!(words.contains(&said) && words.contains(kind), "{words}");
            }
            is_untouched(&world);
            fs::remove_file(&planted).unwrap();
        }
    }
    assert_eq!(world.run().await.code, 0);

    // Nor is anything made beside what is no database.
    fs::rename(world.database(), world.path("away.db")).unwrap();
    let before = fs::read_dir(world.folder()).unwrap().count();
    pipe(&world.database());
    for args in [&["list"][..], &["--run-now"], &["status"]] {
        let (code, words) = ends(&world, args).await;
        assert_eq!(code, 1, "{args:?}: {words}");
        assert!(
            words.contains("lapsed.db: it is no regular file"),
            "{words}"
        );
    }
    fs::remove_file(world.database()).unwrap();
    symlink("/dev/null", world.database()).unwrap();
    assert_eq!(ends(&world, &["list"]).await.0, 1);
    assert!(!Path::new("/dev/null.turn").exists());
    fs::remove_file(world.database()).unwrap();
    assert_eq!(fs::read_dir(world.folder()).unwrap().count(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_for_its_owner_and_comes_whole_to_its_own_name() {
    let world = world().await;
    let file = world.path("audit.txt");
    fs::write(&file, "the last one").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let second = world.path("second");
    fs::hard_link(&file, &second).unwrap();

    let printed = report(&world, &file).await;

    assert_eq!(printed.code, 0, "{}", printed.stderr);
    assert_eq!(mode(&file), 0o600);
    assert!(
        fs::read_to_string(&file)
            .unwrap()
            .contains("jane@example.com")
    );
    assert_eq!(fs::read_to_string(&second).unwrap(), "the last one");
    let nowhere = world.path("no-folder/audit.txt");
    let printed = report(&world, &nowhere).await;
    assert_eq!(printed.code, 1, "{}", printed.stderr);
    assert!(printed.stderr.contains("--output"), "{}", printed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_and_a_backup_follow_no_link() {
    let world = world().await;
    let (link, loose) = (world.path("link"), world.path("loose"));
    symlink(world.path("precious"), &link).unwrap();
    symlink(world.path("nothing"), &loose).unwrap();
    for planted in [&link, &loose] {
        let printed = report(&world, planted).await;
        assert_eq!(printed.code, 1, "{}", printed.stdout);
        assert!(
            printed.stderr.contains("symbolic link"),
            "{}",
            printed.stderr
        );
        let printed = world.lapsed(&["backup", planted.to_str().unwrap()]).await;
        assert_eq!(printed.code, 1, "{}", printed.stdout);
    }
    is_untouched(&world);
    assert!(!world.path("nothing").exists());
    let mut left: Vec<_> = fs::read_dir(world.folder()).unwrap().flatten().collect();
    left.retain(|entry| entry.file_name().to_str().unwrap().ends_with(".new"));
    assert!(left.is_empty(), "{left:?}");
}
