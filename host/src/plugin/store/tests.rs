use super::*;

fn plugin(name: &str, wasm: &[u8]) -> Installed {
    Installed {
        name: name.to_owned(),
        version: "0.1.0".to_owned(),
        summary: String::new(),
        sha256: sha256(wasm),
        origin: "/x.wasm".to_owned(),
        imports: vec![],
        options: vec![],
        providers: None,
    }
}

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::at(&dir.path().join("not/yet"));
    (dir, store)
}

fn names(store: &Store) -> Vec<String> {
    store.installed().expect("a list").into_iter().map(|plugin| plugin.name).collect()
}

#[test]
fn what_was_added_is_there_until_it_is_removed() {
    let (_dir, store) = store();
    assert_eq!(names(&store), [""; 0]);
    assert_eq!(store.remove("a").expect("nothing to do"), None);
    assert!(!store.dir.exists(), "a look makes nothing");
    store.add(plugin("b", b"two"), b"two", false).expect("added");
    store.add(plugin("a", b"one"), b"one", false).expect("added");
    assert_eq!(names(&store), ["a", "b"]);
    assert_eq!(store.component(&plugin("a", b"one")).expect("a component"), b"one");
    assert_eq!(store.remove("b").expect("removed"), Some(plugin("b", b"two")));
    assert_eq!(names(&store), ["a"]);
    assert_eq!(fs::read_dir(store.dir.join(COMPONENTS)).expect("a directory").count(), 1);
}

#[test]
fn one_of_a_name_is_replaced_only_where_that_is_said() {
    let (_dir, store) = store();
    store.add(plugin("a", b"one"), b"one", false).expect("added");
    let error = store.add(plugin("a", b"two"), b"two", false).expect_err("there").to_string();
    assert!(error.contains("plugin a 0.1.0 is installed already\nhint: --replace"), "{error}");
    store.add(plugin("a", b"two"), b"two", true).expect("replaced");
    assert_eq!(store.installed().expect("a list"), [plugin("a", b"two")]);
    assert_eq!(fs::read_dir(store.dir.join(COMPONENTS)).expect("a directory").count(), 1);
    store.add(plugin("a", b"two"), b"two", true).expect("replaced by the same");
    assert_eq!(store.component(&plugin("a", b"two")).expect("a component"), b"two");
}

#[test]
fn a_component_that_was_changed_or_taken_away_is_refused() {
    let (_dir, store) = store();
    let added = plugin("a", b"one");
    store.add(added.clone(), b"one", false).expect("added");
    let path = store.component_path("a", &added.sha256);
    let check = |words: &[&str]| {
        let error = store.component(&added).expect_err(words[0]).to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    fs::write(&path, "One").expect("written");
    check(&["plugin a was changed after it was added", &added.sha256, &sha256(b"One"), "hint:"]);
    fs::remove_file(&path).expect("removed");
    check(&["plugin a cannot be used", "cannot be read", "hint:"]);
    std::os::unix::fs::symlink("/dev/zero", &path).expect("linked");
    check(&["is a symbolic link to /dev/zero", "hint:"]);
}

#[test]
fn adding_at_once_loses_none() {
    let (_dir, store) = store();
    let added: Vec<String> = (10..30).map(|n| format!("p{n}")).collect();
    std::thread::scope(|scope| {
        for name in &added {
            let store = &store;
            scope.spawn(move || {
                store.add(plugin(name, name.as_bytes()), name.as_bytes(), false).expect("added")
            });
        }
    });
    assert_eq!(names(&store), added);
}

#[test]
fn a_broken_list_is_an_error_that_names_it() {
    let (_dir, store) = store();
    fs::create_dir_all(&store.dir).expect("a directory");
    fs::write(store.dir.join(LOCK_FILE), "format = 1\n[[plugin]]\nname = 3\n").expect("written");
    let error = store.installed().expect_err("broken").to_string();
    assert!(error.contains("plugins.lock.toml is broken") && error.contains("hint:"), "{error}");
}

#[test]
fn a_name_is_never_a_path() {
    for (name, good) in [
        ("parrot-2", true),
        ("", false),
        ("..", false),
        ("a/b", false),
        ("a\\b", false),
        ("Parrot", false),
        ("a.b", false),
        ("a_b", false),
        ("é", false),
    ] {
        assert_eq!(is_plugin_name(name), good, "{name:?}");
    }
    assert!(!is_plugin_name(&"a".repeat(65)));
}
