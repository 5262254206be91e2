//! The timeline of a session: a tree of frames, each with the exact state after it.
//!
//! Playing on from an earlier frame starts a branch. When the tree is full, the frames that are not
//! on the current path are forgotten first, then the oldest half of the path. The prompt is never
//! forgotten.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{Branch, NodeId, PathFrame};

/// A frame of a timeline.
pub struct Node<T> {
    pub parent: Option<NodeId>,
    /// Number of the frame, from 0.
    pub frame: usize,
    /// The action that led to it; none for the first frame.
    pub action: Option<u8>,
    pub content: T,
}

/// A tree of frames, with a current frame and the tip of the current path.
pub struct Timeline<T> {
    nodes: BTreeMap<NodeId, Node<T>>,
    next: NodeId,
    current: NodeId,
    tip: NodeId,
    /// The last frame of the prompt. The prompt's frames have the numbers up to this one.
    prompt: NodeId,
    limit: usize,
}

impl<T> Timeline<T> {
    /// A timeline that begins with frame 0, and remembers at most `limit` frames.
    pub fn new(content: T, limit: usize) -> Self {
        let first = Node { parent: None, frame: 0, action: None, content };
        Self {
            nodes: BTreeMap::from([(0, first)]),
            next: 1,
            current: 0,
            tip: 0,
            prompt: 0,
            limit: limit.max(2),
        }
    }

    /// The current frame's number in the timeline.
    pub fn current(&self) -> NodeId {
        self.current
    }

    /// The current frame.
    pub fn node(&self) -> &Node<T> {
        &self.nodes[&self.current]
    }

    /// A frame; none if it does not exist or is forgotten.
    pub fn get(&self, id: NodeId) -> Option<&Node<T>> {
        self.nodes.get(&id)
    }

    /// Appends a frame after the current one, and goes there.
    ///
    /// Returns whether frames were forgotten.
    pub fn push(&mut self, action: u8, content: T) -> bool {
        let forgotten = self.nodes.len() >= self.limit;
        if forgotten {
            self.forget();
        }
        let (parent, frame) = (Some(self.current), self.node().frame + 1);
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, Node { parent, frame, action: Some(action), content });
        self.current = id;
        self.tip = id;
        forgotten
    }

    /// Goes to a frame. Returns whether the path changed; `None` if the frame does not exist.
    ///
    /// The current path stays if it contains the frame. Else it changes to one that ends with the
    /// frame's newest descendant.
    pub fn seek(&mut self, id: NodeId) -> Option<bool> {
        self.nodes.get(&id)?;
        self.current = id;
        if self.path_ids(self.tip).contains(&id) {
            return Some(false);
        }
        // Later frames have larger numbers, so one pass finds all descendants.
        let mut line = BTreeSet::from([id]);
        for (child, node) in self.nodes.range(id + 1..) {
            if node.parent.is_some_and(|parent| line.contains(&parent)) {
                line.insert(*child);
            }
        }
        self.tip = line.into_iter().next_back().unwrap_or(id);
        Some(true)
    }

    /// Ends the prompt with the current frame.
    pub fn end_prompt(&mut self) {
        self.prompt = self.current;
    }

    /// Goes to the last frame of the prompt.
    pub fn reset(&mut self) {
        self.seek(self.prompt);
    }

    /// Whether the current frame is the end of its path.
    pub fn is_at_tip(&self) -> bool {
        self.current == self.tip
    }

    /// The current path, from its first frame to its tip.
    pub fn path(&self) -> Vec<PathFrame> {
        let frame = |node| PathFrame { node, action: self.nodes[&node].action };
        self.path_ids(self.tip).into_iter().map(frame).collect()
    }

    /// The frames up to the current one, oldest first.
    pub fn line(&self) -> impl Iterator<Item = &Node<T>> {
        self.path_ids(self.current).into_iter().map(|id| &self.nodes[&id])
    }

    /// Number of the first frame of the current path.
    pub fn offset(&self) -> usize {
        self.nodes[&self.path_ids(self.tip)[0]].frame
    }

    /// The branches that the current path does not contain.
    pub fn branches(&self) -> Vec<Branch> {
        let path: BTreeSet<NodeId> = self.path_ids(self.tip).into_iter().collect();
        let parents: BTreeSet<NodeId> =
            self.nodes.values().filter_map(|node| node.parent).collect();
        let ends = self.nodes.keys().filter(|id| !parents.contains(id) && !path.contains(id));
        ends.map(|tip| {
            let mut line = self.line_up(*tip);
            let shared = line.find(|id| path.contains(id)).unwrap_or(0);
            let from = self.nodes.get(&shared).map_or(0, |node| node.frame);
            Branch { tip: *tip, from, frame: self.nodes[tip].frame }
        })
        .collect()
    }

    /// The numbers of the last `count` frames up to `id`, oldest first.
    pub fn context(&self, id: NodeId, count: usize) -> Vec<NodeId> {
        let path = self.path_ids(id);
        path[path.len().saturating_sub(count)..].to_vec()
    }

    /// A frame and the frames before it, newest first.
    fn line_up(&self, tip: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(tip), |id| self.nodes[id].parent)
    }

    fn path_ids(&self, tip: NodeId) -> Vec<NodeId> {
        let mut path: Vec<NodeId> = self.line_up(tip).collect();
        path.reverse();
        path
    }

    fn forget(&mut self) {
        let path = self.path_ids(self.current);
        let half = if path.len() * 4 > self.limit * 3 { path.len() / 2 } else { 0 };
        let kept: BTreeSet<NodeId> = path[half..].iter().copied().collect();
        let prompt = self.prompt;
        self.nodes.retain(|id, _| *id <= prompt || kept.contains(id));
        let oldest = path[half];
        if let Some(node) = self.nodes.get_mut(&oldest).filter(|_| half > 0 && oldest > prompt) {
            node.parent = None;
        }
        self.tip = self.current;
    }
}

#[cfg(test)]
mod tests;
