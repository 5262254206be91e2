//! Landlock: no file, no network, no signals to other processes.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus,
    RestrictionStatus, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};

/// The newest version of Landlock that the restrictions are written for.
///
/// An older kernel applies those that it knows: files from Linux 5.13, TCP from 6.7, signals and
/// abstract sockets from 6.12.
const NEWEST: ABI = ABI::V10;

/// Denies the calling thread every access that Landlock knows. Descriptors stay usable.
///
/// The error says in words what the kernel lacks.
pub fn restrict() -> Result<(), String> {
    match deny_all() {
        Ok(RestrictionStatus { ruleset: RulesetStatus::NotEnforced, landlock, .. }) => {
            Err(match landlock {
                LandlockStatus::NotEnabled => {
                    "Landlock is turned off in this kernel (boot parameter `lsm=`)".to_owned()
                }
                _ => "this kernel has no Landlock".to_owned(),
            })
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("Landlock does not work in this kernel ({error})")),
    }
}

fn deny_all() -> Result<RestrictionStatus, RulesetError> {
    // A rule set without rules allows nothing of what it handles.
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .restrict_self()
}
