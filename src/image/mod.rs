//! Images: where they come from, what they are made of, and how their blobs get from one place to another.
//!
//! Each blob is checked by its digest on the way, each layer's contents by its diff_id when it is unpacked. Refused
//! before anything is fetched: an image for a CPU that was not asked for, and what is no image at all.
//!
//! | file | what it is |
//! |---|---|
//! | `source` | what the user named: a reference, a path, an address |
//! | `meant` | which image a name means: a kept one, or a registry's |
//! | `resolve`, `layout`, `archive`, `survey`, `import` | the image that is there, from a registry, a layout, an archive |
//! | `description` | one image: manifest, config, diff_ids |
//! | `origin`, `destination`, `copy`, `blobs` | where blobs come from and go to, and those that are here |
//! | `local`, `open`, `pull`, `attestations` | the images that are kept here, and how they get here |
//! | `damaged` | how one that is damaged is had again |
//! | `summary` | what is told of a kept image |
//! | `below` | what an image is made of, as far as it is here |
//! | `save`, `load` | archives of kept images |
//! | `shelf`, `parts`, `neighbours`, `push` | from here into a registry: what goes, what it has already, in which order |
//! | `layer`, `new_layer`, `new_image` | what is made here: layers, and images of them |

mod archive;
mod attestations;
mod below;
mod blobs;
mod copy;
mod damaged;
mod description;
mod destination;
mod import;
mod layer;
mod layout;
mod load;
mod local;
mod meant;
mod neighbours;
mod new_image;
mod new_layer;
mod open;
mod origin;
mod parts;
mod pull;
mod push;
mod resolve;
mod save;
mod shelf;
mod source;
mod summary;
mod survey;
mod zeros;

pub use archive::Archive;
pub use blobs::open_blob;
pub use copy::{copy, document};
pub use damaged::{again, again_named, damaged};
pub use description::Image;
pub use destination::{Cache, Destination};
pub use import::{Imported, image as image_in};
pub use layer::Layer;
pub use layout::LayoutDirectory;
pub use load::{Kept, Place, load};
pub use local::{Local, find, other_tag, remove, shown};
pub use meant::{Whose, here, meant};
pub use neighbours::Neighbours;
pub use new_image::{NewImages, keep_new};
pub use new_layer::NewLayer;
pub use open::open;
pub use origin::{Origin, send_file};
pub use parts::{Part, Parts, Which};
pub use pull::{Keeping, pull};
pub use push::Push;
pub use resolve::Pull;
pub use save::{Format, save};
pub use shelf::{Remembered, Shelf, Stored};
pub use source::Source;
pub use summary::{Summary, inspect};
pub use survey::Holds;
