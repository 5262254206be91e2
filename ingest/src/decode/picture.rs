//! The picture of a frame: where its samples are, its colours, its orientation, and its conversion.

mod colour;
mod convert;
mod dolby_vision;
mod layout;
mod lines;
mod upright;
mod view;

pub use colour::{Colour, ContainerColour, Conversion, unsupported};
pub use convert::{Converter, Presentation};
pub use dolby_vision::{MetadataFinder, problem as dolby_vision_problem};
pub use layout::{Layout, PlaneRegion};
pub use lines::Lines;
pub use upright::{MatrixScope, Orientation, Orientations, container_matrix};
pub use view::{ColourTags, FrameView, Properties, Rectangle, SampleFormat};
