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

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-4's examples for "abc".
    #[test]
    fn at_once_in_parts_and_forked() {
        let hashes: [(&dyn Hash, &str); 2] = [
            (&SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                &SHA384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
        ];
        let hex = |output: Output| output.as_ref().iter().map(|b| format!("{b:02x}")).collect::<String>();
        for (hash, abc) in hashes {
            assert_eq!(hex(hash.hash(b"abc")), abc);
            assert_eq!(hash.output_len() * 2, abc.len());
            let mut running = hash.start();
            running.update(b"a");
            let mut fork = running.fork();
            fork.update(b"bc");
            assert_eq!(hex(fork.fork_finish()), abc);
            assert_eq!(hex(fork.finish()), abc);
            running.update(b"b");
            running.update(b"c");
            assert_eq!(hex(running.finish()), abc);
        }
    }
}
