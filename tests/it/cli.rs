//! The program from outside: exit codes, what stands on which stream, JSON everywhere, and the messages about what is in the way.

use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin;

const GOOD: &str = "salesforce: Account\napp: warehouse.clients\nto_app: [create, update]\nmatch: [salesforce_id]\nfields:\n  \
                    - { salesforce: Id, app: salesforce_id }\n  - { salesforce: Name, app: name }\n";

/// A folder with one pipeline, its connections and a state of its own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("connections")).unwrap();
    write("clients.yaml", GOOD);
    write(
        "connections/salesforce.yaml",
        "type: salesforce\nenvironment: production\nlogin_url: http://127.0.0.1:1\nauth:\n  flow: client_credentials\n  \
         client_id: ${env:TEST_ID}\n  client_secret: ${env:TEST_SECRET}\n",
    );
    write("connections/warehouse.yaml", "type: sqlite\npath: ${env:TEST_DB}\ncreate_tables: true\n");
    let state = folder.path().join("state");
    write("settings.yaml", &format!("listen: 127.0.0.1:0\nstate: {}\n", state.display()));
    folder
}

fn sfsync(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin("sfsync"));
    command.current_dir(folder).args(arguments);
    command.env_remove("SFSYNC_CONFIG").env_remove("SFSYNC_SOCKET").env_remove("SFSYNC_STATE_KEY");
    command.env("XDG_RUNTIME_DIR", folder).env("TEST_ID", "id").env("TEST_SECRET", "geheim");
    command.env("TEST_DB", folder.join("warehouse.db"));
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn break_it(folder: &Path) {
    std::fs::write(folder.join("clients.yaml"), GOOD.replace("to_app", "to_ap")).unwrap();
}

#[test]
fn alone_it_tells_a_newcomer_where_to_begin() {
    let folder = folder();
    let output = sfsync(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let told = text(&output.stdout);
    for verb in ["demo", "new", "check", "plan", "daemon"] {
        assert!(told.contains(&format!("sfsync {verb}")), "{told}");
    }
}

#[test]
fn exit_codes() {
    let good = folder();
    let broken = folder();
    break_it(broken.path());
    for (arguments, of_good, of_broken) in [
        (&["check"][..], 0, 1),
        (&["check", "clients", "--deny-warnings"], 0, 1),
        (&["test"], 0, 1),
        (&["fmt", "--check"], 0, 0),
        (&["explain", "E101"], 0, 0),
        (&["explain", "nonsense"], 1, 1),
        (&["schema", "--json-schema", "pipeline"], 0, 0),
        (&["completions", "bash"], 0, 0),
        (&["status"], 1, 1),
        (&["disconnect", "salesforce"], 0, 0),
        (&["disconnect", "nowhere"], 1, 1),
        (&["connect", "nowhere"], 1, 1),
        (&["no-such-verb"], 64, 64),
        (&["check", "--no-such-option"], 64, 64),
        (&["--version"], 0, 0),
        (&["check", "--help"], 0, 0),
    ] {
        for (folder, expected) in [(&good, of_good), (&broken, of_broken)] {
            let output = sfsync(folder.path(), arguments);
            let said = [text(&output.stdout), text(&output.stderr)].concat();
            assert_eq!(output.status.code(), Some(expected), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn json_is_one_value_whatever_happens() {
    let folder = folder();
    break_it(folder.path());
    for arguments in [
        &["check"][..],
        &["test"],
        &["fmt", "--check"],
        &["explain"],
        &["explain", "E101"],
        &["explain", "on_leave"],
        &["explain", "nonsense"],
        &["schema", "Account"],
        &["schema", "warehouse.clients"],
        &["plan"],
        &["run"],
        &["new", "x", "--salesforce", "Account", "--app", "warehouse.x"],
        &["status"],
        &["status", "clients"],
        &["why", "001"],
        &["sync", "clients"],
        &["pause", "clients"],
        &["resume", "clients"],
        &["approve", "clients"],
        &["failures", "list"],
        &["undo", "clients"],
        &["links", "list", "clients"],
        &["reload"],
        &["forget", "clients"],
        &["connect", "salesforce"],
        &["disconnect", "salesforce"],
    ] {
        // Without its secret a connection is not tried, so that nothing waits for an org that is not there.
        let mut command = command(folder.path(), &[arguments, &["--json"]].concat());
        let output = command.env_remove("TEST_SECRET").output().unwrap();
        let parsed: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
        assert!(parsed.is_ok(), "{arguments:?}: {}", text(&output.stdout));
    }
}

#[test]
fn check_shows_the_place_and_the_correction() {
    let folder = folder();
    break_it(folder.path());
    let told = text(&sfsync(folder.path(), &["check"]).stdout);
    assert!(told.contains("clients.yaml                1 error") || told.contains("clients.yaml"), "{told}");
    assert!(told.contains("error[E101]: unknown key `to_ap`\n --> clients.yaml:3:1"), "{told}");
    assert!(told.contains("did you mean `to_app`?"), "{told}");
    assert!(!told.contains('\x1b'), "no colours where nobody sees them: {told:?}");
    assert!(!folder.path().join("state").exists(), "check begins no state");
}

#[test]
fn what_is_in_the_way_is_said_with_the_way_out() {
    let folder = folder();
    let nobody = text(&sfsync(folder.path(), &["status"]).stderr);
    assert!(
        nobody.contains("no daemon is running") && nobody.contains("start one with: sfsync daemon"),
        "{nobody}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let socket = folder.path().join("d.sock");
    let socket = socket.to_str().unwrap();
    let output = sfsync(folder.path(), &["daemon", ".", "--listen", &address, "--socket", socket]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(told.contains(&format!("{address} is in use by another program")), "{told}");
    assert!(told.contains("set another `listen`"), "{told}");
    assert!(!folder.path().join("state").exists() && !Path::new(socket).exists(), "nothing was touched");
    let living = std::os::unix::net::UnixListener::bind(socket).unwrap();
    let output = sfsync(folder.path(), &["daemon", ".", "--socket", socket]);
    let told = text(&output.stderr);
    assert!(
        told.contains(&format!("a daemon is running already (process {})", std::process::id())),
        "{told}"
    );
    drop(living);
    let output = sfsync(folder.path(), &["daemon", "/no/such/folder"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("/no/such/folder cannot be read"), "{told}");
}

#[test]
fn the_demo_runs_and_ends_by_itself() {
    let folder = folder();
    let output = sfsync(folder.path(), &["demo", "--for", "6s", "--opportunities", "60", "--folder", "demo"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}{}", text(&output.stderr));
    assert!(told.contains("Loaded after") && told.contains("edit demo/opportunities.yaml"), "{told}");
    assert!(!told.contains(" 0 created"), "every pipeline wrote something: {told}");
    assert!(
        folder.path().join("demo/accounts.yaml").is_file()
            && folder.path().join("demo/warehouse.db").is_file()
    );
    assert!(!folder.path().join("demo/sfsync.sock").exists());
    for file in ["accounts.yaml", "connections/salesforce.yaml"] {
        let file = folder.path().join("demo").join(file);
        let text = std::fs::read_to_string(&file).unwrap();
        let named =
            text.lines().next().and_then(|line| line.strip_prefix("# yaml-language-server: $schema="));
        let schema = file.parent().unwrap().join(named.expect("the first line names the schema"));
        assert!(schema.is_file(), "{} is not there", schema.display());
    }
}

#[test]
fn a_check_of_nothing_is_no_good_check() {
    let folder = folder();
    let output = sfsync(folder.path(), &["check", "client"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("there is no pipeline or connection client"), "{told}");
    assert!(told.contains("did you mean clients?"), "{told}");
    let output = sfsync(folder.path(), &["check", "warehouse"]);
    assert_eq!(output.status.code(), Some(0), "connections have names, too: {}", text(&output.stderr));
    let empty = tempfile::tempdir().unwrap();
    let output = sfsync(empty.path(), &["check", "--config", "."]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("has no pipeline and no connection"), "{told}");
}

#[test]
fn check_and_the_daemon_refuse_the_same_address() {
    let folder = folder();
    for (listen, good) in
        [("nonsense", false), ("127.0.0.1", false), ("127.0.0.1:99999", false), ("localhost:0", true)]
    {
        let state = folder.path().join("state");
        let settings = format!("listen: {listen}\nstate: {}\n", state.display());
        std::fs::write(folder.path().join("settings.yaml"), settings).unwrap();
        let output = sfsync(folder.path(), &["check"]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(i32::from(!good)), "{listen}: {told}");
        if good {
            continue;
        }
        assert!(told.contains("`listen` is an address with a port"), "{told}");
        let output = sfsync(folder.path(), &["daemon", "."]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains("`listen` is an address with a port"),
            "{}",
            text(&output.stderr)
        );
    }
}
