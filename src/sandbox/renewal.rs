//! A new certificate for a merchant whose old one is about to expire.

use super::certificates::KeyKind;
use super::entities::Made;
use super::{Sandbox, refused};
use crate::config::{Cert, Entity};
use crate::error::Result;

impl Sandbox {
    /// Hands out a new certificate (更换证书) for an entity that the sandbox made in
    /// memory, valid for five years from now. Key, settings and money stay; the
    /// old certificate stays valid until its end, as WeChat's do. Build a client
    /// from what is returned.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Sandbox`]: no such entity, or one whose files lie in a
    /// directory.
    pub fn renew_certificate(&self, mch_id: &str) -> Result<Entity> {
        if self.0.store.is_some() {
            let next = "replace the files in its directory, or use a sandbox in memory";
            return Err(refused("the certificates of a sandbox on disk are its files", next));
        }
        let own = self.merchants().into_iter().find(|entity| entity.mch_id == mch_id);
        let Some(entity) = own.filter(|_| self.desk().entity(mch_id).is_some_and(|known| known.admitted.is_none()))
        else {
            return Err(refused(format!("the sandbox has made no merchant {mch_id}"), "look at the list of merchants"));
        };
        let clock = self.desk().clock;
        let issued = self.0.authority.issue_merchant(mch_id, &entity.name, KeyKind::EllipticCurve, clock)?;
        let cert = Cert::pem(issued.certificate_pem.as_bytes(), issued.key_pem.as_bytes());
        self.enrol(mch_id, &entity.app_id, &entity.name, entity.key.clone(), cert.clone(), None);
        self.remember(mch_id, Made::Kept(Box::new(issued)));
        Ok(Entity { cert, ..entity })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::money::Fen;

    #[test]
    fn a_new_certificate_lasts_and_changes_nothing_else() {
        let sandbox = Sandbox::builder().frozen_at("2025-03-18 10:00:00".parse().unwrap()).build().unwrap();
        let before = sandbox.merchants().remove(0);
        let end = |entity: &Entity| {
            sandbox.client(entity).unwrap().merchant().certificate().map(|facts| facts.not_after).unwrap()
        };
        let old = end(&before);
        sandbox.advance(old.since(sandbox.now()) + Duration::from_secs(1)).unwrap();
        sandbox.change_settings(&before.mch_id, |settings| settings.calls_per_second = 7).unwrap();
        let after = sandbox.renew_certificate(&before.mch_id).unwrap();
        assert!(end(&after) > sandbox.now() && old < sandbox.now());
        assert!(after.key.expose() == before.key.expose() && after.app_id == before.app_id);
        assert_eq!(sandbox.settings(&before.mch_id).unwrap().calls_per_second, 7);
        assert_eq!(sandbox.balance(&before.mch_id), Fen::new(1_000_000));
        assert_eq!(sandbox.merchants().len(), 2);
        assert!(sandbox.renew_certificate("1900009999").is_err());
    }
}
