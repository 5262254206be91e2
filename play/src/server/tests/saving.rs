//! Animations and strips that players save.

use std::io::Cursor;
use std::thread;
use std::time::Duration;

use image::AnimationDecoder as _;
use image::codecs::gif::GifDecoder;

use super::client::{get, hear, say, socket, start};
use super::running::Running;

/// Catches: animations and the list of clips share threads, so each holds up the other for seconds.
#[test]
fn animations_and_clips_do_not_wait_for_each_other() {
    let server = Running::start();
    let (address, session) = (server.address, start(server.address));
    let slow = [(); 2].map(|()| thread::spawn(move || get(address, "/api/clips?where=slow")));
    // The two requests take all threads for clips.
    thread::sleep(Duration::from_millis(300));
    for file in ["play.gif", "strip.png"] {
        assert_eq!(get(address, &format!("/api/sessions/{session}/{file}")).status, 200, "{file}");
    }
    assert!(slow.iter().all(|clips| !clips.is_finished()), "the files waited for the clips");
    for clips in slow {
        assert_eq!(clips.join().unwrap().status, 200);
    }
}

/// Catches: a saved animation has the rate of the clips, and not the one that the player chose.
#[test]
fn an_animation_has_the_rate_of_its_session() {
    let server = Running::start();
    let session = start(server.address);
    let mut page = socket(server.address, &session, &[]).unwrap();
    hear(&mut page);
    say(&mut page, r#"{"type": "rate", "fps": 4}"#);
    say(&mut page, r#"{"type": "ping", "id": 1}"#);
    assert_eq!(hear(&mut page)["type"], "pong");
    let gif = get(server.address, &format!("/api/sessions/{session}/play.gif")).body;
    let mut frames = GifDecoder::new(Cursor::new(gif)).unwrap().into_frames();
    let delay = Duration::from(frames.next().unwrap().unwrap().delay());
    assert_eq!(delay, Duration::from_millis(250));
}
