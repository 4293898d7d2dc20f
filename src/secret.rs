//! Keys that cannot be printed.

use zeroize::Zeroizing;

/// An API key (商户API密钥), a certificate password or any other secret text.
///
/// It has no `Debug`, no `Display`, no `Serialize` and no `==`, so a key cannot
/// reach a log, an error or a snapshot by accident, and its memory is wiped
/// when it is dropped. A configuration struct that holds a `Secret` cannot
/// derive `Debug` for the same reason.
///
/// ```
/// use hongbao::Secret;
/// let key = Secret::new("SandboxKey0SandboxKey1SandboxKey");
/// let again = key.clone();
/// # drop(again);
/// ```
/// ```compile_fail
/// let key = hongbao::Secret::new("x");
/// println!("{key:?}");
/// ```
/// ```compile_fail
/// let key = hongbao::Secret::new("x");
/// println!("{key}");
/// ```
/// ```compile_fail
/// let key = hongbao::Secret::new("x");
/// assert!(key == hongbao::Secret::new("x"));
/// ```
/// ```compile_fail
/// serde_json::to_string(&hongbao::Secret::new("x"));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes the text over; the caller's own copy, if there is one, is not wiped.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into().into_bytes().into_boxed_slice()))
    }

    /// Whether the secret is the empty text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The only way to the text. Whoever calls it must not let it out.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
