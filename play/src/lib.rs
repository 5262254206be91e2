//! Plays a world model live: an image in, actions in, frames out.
