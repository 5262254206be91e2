//! Labels: durable, of several people, as CSV, in SQL, and for `verify` and `gc`.

use std::fs;
use std::thread;

use genie_tests::Signal;

use super::{clips, exported, ingested, label};

/// Catches: a label is acknowledged before it is on the disk, so that it is lost when the server
/// dies; a killed server leaves a damaged dataset.
#[test]
fn an_acknowledged_label_survives_a_kill() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let all = clips(&server, "");
    for (number, clip) in all.iter().enumerate() {
        let word = ["good", "bad", "unsure"][number % 3];
        assert_eq!(label(&server, clip, "ana", Some(word)).0, 200);
    }
    // The last answer has just arrived.
    assert_eq!(server.stop(Signal::KILL).code, None);
    let lines = exported(&dataset);
    assert_eq!(lines.len(), all.len());
    for (number, clip) in all.iter().enumerate() {
        let word = ["good", "bad", "unsure"][number % 3];
        let line = format!("{},{word},menu,ana,", clip["id"].as_str().unwrap());
        assert!(lines.iter().any(|found| found.starts_with(&line)), "{line} {lines:?}");
    }
    dataset.stage("ingest", "verify", &[]).expect(0);
    let again = dataset.browse(&[]);
    assert_eq!(label(&again, &all[0], "ana", None).0, 200, "the next server goes on");
    assert_eq!(exported(&dataset).len(), all.len() - 1);
}

/// Catches: one of two people who label at the same time, at two servers, loses labels; a label of
/// one person replaces that of another.
#[test]
fn two_people_label_at_once() {
    let dataset = ingested();
    let servers = [dataset.browse(&[]), dataset.browse(&[])];
    let all = clips(&servers[0], "");
    thread::scope(|scope| {
        for (who, word, server) in
            [("ana", "good", &servers[0]), ("ben", "bad", &servers[1]), ("cy", "bad", &servers[1])]
        {
            let all = &all;
            scope.spawn(move || {
                for clip in all {
                    let (status, answer) = label(server, clip, who, Some(word));
                    assert_eq!(status, 200, "{answer}");
                }
            });
        }
    });
    assert_eq!(exported(&dataset).len(), 3 * all.len());
    let page = dataset.stage("ingest", "labels", &["stats"]).expect(0).stdout;
    let (labels, clips) = (3 * all.len(), all.len());
    assert!(page.starts_with(&format!("{labels} labels of {clips} clips\n")), "{page}");
    assert!(page.contains(&format!("ana, ben: {clips} clips, 0 % the same")), "{page}");
    assert!(page.contains(&format!("ben, cy: {clips} clips, 100 % the same")), "{page}");
}

/// Catches: SQL counts a label that was replaced or taken back; undo does not bring the label
/// before back; another server does not see new labels.
#[test]
fn the_newest_label_counts() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let clip = &clips(&server, "")[0];
    let count = |label: &str| {
        let sql = format!("select clip_id from labels where label = '{label}'");
        dataset.sql(&sql).len()
    };
    assert_eq!(count("good"), 0, "the table exists without labels");
    let (_, first) = label(&server, clip, "ana", Some("good"));
    assert_eq!(first["before"], serde_json::Value::Null);
    let (_, second) = label(&server, clip, "ana", Some("bad"));
    assert_eq!(second["before"]["label"], "good");
    assert_eq!((count("good"), count("bad")), (0, 1));
    let joined = dataset.sql("select l.who, c.kept from labels l join clips c using (clip_id)");
    assert_eq!((joined.len(), &joined[0]["who"]), (1, &"ana".into()));
    label(&server, clip, "ana", None);
    assert_eq!((count("good"), count("bad")), (0, 0));
    assert_eq!(dataset.sql("select * from label_rows").len(), 3, "rows are never removed");
    assert_eq!(exported(&dataset), [""; 0]);
    label(&server, clip, "ben", Some("unsure"));
    let found = clips(&server, "refresh=true&where=clip_id+in+(select+clip_id+from+labels)");
    assert_eq!((found.len(), &found[0]["labels"][0]["who"]), (1, &"ben".into()));
    let counts = server.json("/api/labels?who=ben");
    assert_eq!((&counts["unsure"], &counts["tags"]["menu"]), (&1.into(), &1.into()));
}

/// Catches: an export cannot be imported again, or doubles labels; a wrong line is imported, ends
/// the import, or has no number.
#[test]
fn labels_go_through_csv() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let all = clips(&server, "");
    for clip in &all {
        drop(label(&server, clip, "ana", Some("good")));
    }
    dataset.stage("ingest", "labels", &["export", "--out", "labels.csv"]).expect(0);
    let csv = fs::read_to_string(dataset.path("labels.csv")).unwrap();
    assert_eq!(csv.lines().count(), all.len() + 1);
    let import = |rest: &[&str]| {
        dataset.stage("ingest", "labels", &[&["import", "labels.csv"], rest].concat())
    };
    import(&[]).expect(0).says("0 labels of labels.csv are new");

    let other = super::ingested();
    fs::copy(dataset.path("labels.csv"), other.path("labels.csv")).unwrap();
    other.stage("ingest", "labels", &["import", "labels.csv"]).expect(0).says("are new");
    assert_eq!(exported(&other), exported(&dataset));

    let id = |clip: usize| all[clip]["id"].as_str().unwrap();
    let wrong = format!(
        "clip_id,label,tags\n{},bad,hud;menu\n{},gud,\n{},good\n{},good,\n",
        id(0),
        id(1),
        id(2),
        "f".repeat(32)
    );
    fs::write(dataset.path("labels.csv"), wrong).unwrap();
    import(&[]).expect(1).says("--who");
    let ended = import(&["--who", "ben"]).expect(2).says("1 labels of labels.csv are new");
    let ended = ended.says("labels.csv:3: \"gud\"").says("labels.csv:4: the line has 2 columns");
    ended.says("labels.csv:5: there is no clip");
    let ours = exported(&dataset).into_iter().filter(|line| line.contains(",ben,"));
    let ours: Vec<_> = ours.collect();
    assert_eq!(ours.len(), 1);
    assert!(ours[0].starts_with(&format!("{},bad,hud;menu,ben,", id(0))), "{ours:?}");
    fs::write(dataset.path("labels.csv"), "id,label\n").unwrap();
    import(&["--who", "ben"]).expect(1).says("clip_id");
    import(&["--who", ""]).expect(1);
    dataset.stage("ingest", "labels", &["import", "nowhere.csv"]).expect(1).says("nowhere.csv");
}

/// Catches: labels change a work key, so that models are trained again; `gc` removes labels;
/// `verify` does not read them; `status` and `stats` do not know them.
#[test]
fn other_commands_know_labels() {
    let dataset = ingested();
    let keys = dataset.status(&[]).key("ingest run").to_owned();
    let server = dataset.browse(&[]);
    let all = clips(&server, "");
    for _ in 0..6 {
        for clip in &all {
            drop(label(&server, clip, "ana", Some("good")));
        }
    }
    drop(server);
    assert_eq!(dataset.status(&[]).key("ingest run"), keys);
    assert_eq!(dataset.status(&[]).state("ingest run"), "done", "labels change no verdict");
    let steps = dataset.stage("ingest", "status", &["--json"]).expect(0).json();
    let steps = steps.as_array().expect("steps");
    assert!(steps.iter().any(|step| step["step"] == "labels" && step["state"] == "done"));
    let page = dataset.stage("ingest", "stats", &[]).expect(0).stdout;
    assert!(page.contains(&format!("{} clips labelled by 1 people", all.len())), "{page}");
    dataset.stage("ingest", "gc", &["--older-than", "0"]).expect(0);
    assert_eq!(exported(&dataset).len(), all.len());
    dataset.stage("ingest", "verify", &[]).expect(0);

    let folder = fs::read_dir(dataset.path("root/labels")).unwrap();
    let files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
    let shards = files.iter().filter(|path| path.extension().is_some_and(|end| end == "parquet"));
    let shards: Vec<_> = shards.collect();
    assert!((1..=65).contains(&shards.len()), "{} files of labels stay", shards.len());
    let mut bytes = fs::read(shards[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(shards[0], bytes).unwrap();
    let ended = dataset.stage("ingest", "verify", &[]).expect(1);
    ended.says("labels cannot be computed again");
    dataset.stage("ingest", "labels", &["export"]).expect(1);
}

/// Catches: the queue shows clips again that have a label, or leaves one side of a threshold out.
#[test]
fn the_queue_is_of_clips_without_a_label() {
    let dataset = ingested();
    let server = dataset.browse(&[]);
    let all = clips(&server, "where=kept");
    let path = "/api/queue?who=ana&count=64&expression=motion+%3E+0.01";
    let mut left = all.len();
    while left > 0 {
        let queue = server.json(path);
        let queue = queue.as_array().unwrap();
        assert_eq!(queue.len(), left.min(64));
        for clip in queue.iter().take(5) {
            label(&server, clip, "ana", Some("good"));
            left -= 1;
        }
    }
    assert_eq!(server.json("/api/queue?who=ben&count=5").as_array().unwrap().len(), 5);
    let (status, answer) = server.try_json("/api/queue?who=");
    assert_eq!(status, 400, "{answer}");
}
