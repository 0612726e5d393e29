//! SHA-256 and SHA-384 for handshake transcripts.

use std::marker::PhantomData;

use rustls::crypto::hash::{Context, Hash, HashAlgorithm, Output};
use sha2::{Digest, Sha256, Sha384};

pub(super) static SHA256: Sha2<Sha256> = Sha2(HashAlgorithm::SHA256, PhantomData);
pub(super) static SHA384: Sha2<Sha384> = Sha2(HashAlgorithm::SHA384, PhantomData);

pub(super) struct Sha2<D>(HashAlgorithm, PhantomData<D>);

impl<D: Digest + Clone + Send + Sync + 'static> Hash for Sha2<D> {
    fn start(&self) -> Box<dyn Context> {
        Box::new(Running(D::new()))
    }

    fn hash(&self, data: &[u8]) -> Output {
        Output::new(&D::digest(data))
    }

    fn output_len(&self) -> usize {
        <D as Digest>::output_size()
    }

    fn algorithm(&self) -> HashAlgorithm {
        self.0
    }
}

struct Running<D>(D);

impl<D: Digest + Clone + Send + Sync + 'static> Context for Running<D> {
    fn fork_finish(&self) -> Output {
        Output::new(&self.0.clone().finalize())
    }

    fn fork(&self) -> Box<dyn Context> {
        Box::new(Running(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> Output {
        Output::new(&self.0.finalize())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}
