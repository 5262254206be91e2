//! What a reader sees of long sequences.

use std::cell::RefCell;

use super::*;

/// A reader that remembers the frames that it has read.
#[derive(Default)]
struct Reader {
    window: usize,
    /// The number of frames in each batch.
    batches: RefCell<Vec<usize>>,
}

impl FrameReader for Reader {
    type Frame = usize;
    type Past = Vec<usize>;

    fn start(&self) -> Vec<usize> {
        Vec::new()
    }

    fn window(&self) -> usize {
        self.window
    }

    fn read(
        &self,
        frames: &[&usize],
        pasts: &[&Vec<usize>],
    ) -> Result<Vec<Vec<usize>>, ModelError> {
        assert_eq!(frames.len(), pasts.len(), "a past for each frame");
        self.batches.borrow_mut().push(frames.len());
        let longer = |(frame, past): (&&usize, &&Vec<usize>)| {
            past.iter().chain(std::iter::once(*frame)).copied().collect()
        };
        Ok(frames.iter().zip(pasts).map(longer).collect())
    }
}

fn past(sequence: &Sequence<usize>) -> Vec<usize> {
    sequence.past::<Vec<usize>>().unwrap().clone()
}

/// Catches: a step at which the window slides reads many frames (a hiccup); a steady sequence sees
/// other frames than one that reads the later half again; a restored sequence sees other frames.
#[test]
fn a_steady_sequence_never_reads_many_frames_at_once() {
    for window in [1, 2, 3, 4, 5, 16] {
        let reader = Reader { window, ..Reader::default() };
        let (mut steady, mut plain) = (Sequence::steady(), Sequence::new());
        for frame in 0..50 {
            reader.batches.borrow_mut().clear();
            catch_up(&reader, &mut [&mut steady]).unwrap();
            let batches = reader.batches.borrow().clone();
            assert!(batches.iter().sum::<usize>() <= 2 && batches.len() <= 1, "{batches:?}");

            let mut restored = steady.without_memory();
            catch_up(&reader, &mut [&mut plain, &mut restored]).unwrap();
            let seen: Vec<usize> = steady.seen().copied().collect();
            assert!(seen.len() < window, "no room for frame {frame} of {window}");
            assert_eq!(seen, (frame - seen.len()..frame).collect::<Vec<_>>());
            assert!(frame < window || seen.len() >= window / 2, "too few frames are seen");
            for sequence in [&steady, &plain, &restored] {
                assert_eq!(past(sequence), seen, "window {window}, frame {frame}");
            }
            steady.push(frame);
            plain.push(frame);
        }
    }
}

/// Catches: a clone and its original share a memory that one of them then changes; the memory of
/// another model is taken for one's own.
#[test]
fn a_clone_goes_on_alone_and_another_model_reads_again() {
    let reader = Reader { window: 8, ..Reader::default() };
    let mut one = Sequence::steady();
    (0..5).for_each(|frame| one.push(frame));
    catch_up(&reader, &mut [&mut one]).unwrap();
    let mut other = one.clone();
    one.push(7);
    other.push(9);
    catch_up(&reader, &mut [&mut one, &mut other]).unwrap();
    assert_eq!((past(&one), past(&other)), (vec![0, 1, 2, 3, 4, 7], vec![0, 1, 2, 3, 4, 9]));

    catch_up(&Sum, &mut [&mut one]).unwrap();
    assert_eq!(one.past::<usize>(), Some(&17));
    assert_eq!(one.past::<Vec<usize>>(), None);
}

/// The same frames, remembered in another way.
struct Sum;

impl FrameReader for Sum {
    type Frame = usize;
    type Past = usize;

    fn start(&self) -> usize {
        0
    }

    fn window(&self) -> usize {
        8
    }

    fn read(&self, frames: &[&usize], pasts: &[&usize]) -> Result<Vec<usize>, ModelError> {
        Ok(frames.iter().zip(pasts).map(|(frame, past)| **frame + **past).collect())
    }
}

/// Catches: a failed read loses frames, or a frame is read twice after it.
#[test]
fn a_failed_read_changes_nothing() {
    let mut sequence = Sequence::steady();
    (0..3).for_each(|frame| sequence.push(frame));
    assert!(catch_up(&Broken, &mut [&mut sequence]).is_err());
    catch_up(&Reader { window: 8, ..Reader::default() }, &mut [&mut sequence]).unwrap();
    assert_eq!(past(&sequence), [0, 1, 2]);
}

/// A reader on a device that fails.
struct Broken;

impl FrameReader for Broken {
    type Frame = usize;
    type Past = Vec<usize>;

    fn start(&self) -> Vec<usize> {
        Vec::new()
    }

    fn window(&self) -> usize {
        8
    }

    fn read(&self, _: &[&usize], _: &[&Vec<usize>]) -> Result<Vec<Vec<usize>>, ModelError> {
        Err(ModelError::NotFinite("the test"))
    }
}
