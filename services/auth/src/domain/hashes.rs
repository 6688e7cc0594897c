//! Stored hashes: argon2id as made here, and bcrypt as accounts bring it along from elsewhere. Whatever is weaker than
//! what is made here today is replaced at the next login, the only moment when the password is known.

use super::passwords::Outcome;
use argon2::password_hash::Error;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use bcrypt::HashParts;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Each step doubles the time: ~50 ms of a core at 10, ~3 s at 16. More would let one login hold a core for minutes.
const BCRYPT_COST_MAX: u32 = 16;
/// `$2x$` is left out: it marks hashes of a broken implementation, which this one would not reproduce.
const BCRYPT: [&str; 3] = ["$2a$", "$2b$", "$2y$"];

/// What a hash is worked out in, used again for the next one. Taken from the allocator and given back each time, pieces
/// of this size and alignment scatter it: a service that signs people in would grow until it is killed.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// Grown once to what is hashed with here; a hash from elsewhere that wants more takes that for itself.
    fn work_out(
        &mut self,
        argon2: &Argon2,
        password: &str,
        salt: &[u8],
        out: &mut [u8],
    ) -> argon2::Result<()> {
        if argon2.params().block_count() > MEMORY_KIB as usize {
            return argon2.hash_password_into(password.as_bytes(), salt, out);
        }
        self.0.resize(MEMORY_KIB as usize, Block::new());
        argon2.hash_password_into_with_memory(password.as_bytes(), salt, out, &mut self.0)
    }
}

fn argon2id() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constant parameters in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

pub(super) fn hash(password: &str, memory: &mut Memory) -> String {
    let (argon2, salt) = (argon2id(), Salt::generate());
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    memory.work_out(&argon2, password, &salt, &mut out).expect("a salt of the right length");
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).expect("constant parameters in range"),
        salt: Some(salt),
        hash: Some(Output::new(&out).expect("an output of the right length")),
    };
    hash.to_string()
}

/// Compares. Without a stored hash, and with one that can't be used, the work is that of `dummy`. A hash of another kind
/// or cost takes a time of its own until it is replaced.
pub(super) fn verify(password: &str, stored: Option<&str>, dummy: &str, memory: &mut Memory) -> Outcome {
    let Some(stored) = stored else { return work_in_vain(password, dummy, memory, Outcome::Differs) };
    let matches = match BCRYPT.iter().any(|kind| stored.starts_with(kind)) {
        true => by_bcrypt(password, stored).map(|matches| (matches, false)),
        false => by_argon2(password, stored, memory),
    };
    match matches {
        Ok((true, current)) => Outcome::Matches { better: (!current).then(|| hash(password, memory)) },
        Ok((false, _)) => Outcome::Differs,
        Err(reason) => work_in_vain(password, dummy, memory, Outcome::Unusable { reason }),
    }
}

fn work_in_vain(password: &str, dummy: &str, memory: &mut Memory, outcome: Outcome) -> Outcome {
    let dummy = PasswordHash::new(dummy).expect("made by `hash`");
    let _ = matches(password, &dummy, memory);
    outcome
}

/// Whether it matches; and whether it costs what a hash costs today.
fn by_argon2(password: &str, stored: &str, memory: &mut Memory) -> Result<(bool, bool), String> {
    let stored = PasswordHash::new(stored).map_err(|error| format!("neither argon2 nor bcrypt: {error}"))?;
    match matches(password, &stored, memory) {
        Ok(true) => Ok((true, is_current(&stored))),
        Ok(false) => Ok((false, false)),
        Err(error) => Err(format!("argon2: {error}")),
    }
}

fn matches(password: &str, stored: &PasswordHash, memory: &mut Memory) -> Result<bool, Error> {
    let algorithm = Algorithm::try_from(stored.algorithm.as_str())?;
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    let version = stored.version.map(Version::try_from).transpose()?.unwrap_or_default();
    let argon2 = Argon2::new(algorithm, version, Params::try_from(stored)?);
    let mut out = [0; Output::MAX_LENGTH];
    let out = out.get_mut(..expected.len()).ok_or(Error::OutputSize)?;
    memory.work_out(&argon2, password, salt, out)?;
    // `Output` compares in constant time.
    Ok(*expected == Output::new(out)?)
}

fn by_bcrypt(password: &str, stored: &str) -> Result<bool, String> {
    let parts: HashParts = stored.parse().map_err(|error| format!("bcrypt: {error}"))?;
    let cost = parts.get_cost();
    if cost > BCRYPT_COST_MAX {
        return Err(format!("bcrypt: a cost of {cost} is more than {BCRYPT_COST_MAX}"));
    }
    bcrypt::verify(password, stored).map_err(|error| format!("bcrypt: {error}"))
}

fn is_current(stored: &PasswordHash) -> bool {
    let parameter = |name| stored.params.get_decimal(name);
    stored.algorithm == Algorithm::Argon2id.ident()
        && (parameter("m"), parameter("t"), parameter("p")) == (Some(MEMORY_KIB), Some(PASSES), Some(LANES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use argon2::password_hash::PasswordHasher;

    fn hash(password: &str) -> String {
        super::hash(password, &mut Memory::default())
    }

    fn verify(password: &str, stored: Option<&str>, dummy: &str) -> Outcome {
        super::verify(password, stored, dummy, &mut Memory::default())
    }

    /// From the test vectors of OpenBSD's implementation, and by libxcrypt's.
    const BY_OTHERS: [(&str, &str); 4] = [
        ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
        ("abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
        ("U*U*U", "$2b$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
        ("pässwörd", "$2y$05$If6bvum7DFjUnE9p2uDeDuK5qewkwD3b4guBbGv2wlQCTz9q/112a"),
    ];

    #[test]
    fn a_hash_says_its_cost_and_verifies_only_its_password() {
        let stored = hash("correct horse");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let dummy = hash("dummy");
        assert_eq!(verify("correct horse", Some(&stored), &dummy), Outcome::Matches { better: None });
        assert_eq!(verify("wrong horse", Some(&stored), &dummy), Outcome::Differs);
    }

    #[test]
    fn what_the_library_hashes_and_what_is_hashed_here_is_the_same_whatever_was_hashed_before() {
        let (mut memory, dummy) = (Memory::default(), hash("dummy"));
        let large = Params::new(2 * MEMORY_KIB, 1, 1, None).unwrap();
        let large = Argon2::new(Algorithm::Argon2id, Version::V0x13, large);
        for argon2 in [argon2id(), large, argon2id()] {
            let theirs = argon2.hash_password(b"correct horse").unwrap().to_string();
            let outcome = super::verify("correct horse", Some(&theirs), &dummy, &mut memory);
            assert!(matches!(outcome, Outcome::Matches { .. }), "{outcome:?}");
            assert_eq!(super::verify("another", Some(&theirs), &dummy, &mut memory), Outcome::Differs);
        }
        let ours = super::hash("correct horse", &mut memory);
        let stored = PasswordHash::new(&ours).unwrap();
        use argon2::password_hash::PasswordVerifier;
        assert!(argon2id().verify_password(b"correct horse", &stored).is_ok());
    }

    #[test]
    fn nobody_knows_the_dummy_password() {
        let dummy = hash("dummy");
        assert_eq!(verify("dummy", None, &dummy), Outcome::Differs);
        assert!(matches!(verify("dummy", Some("not a hash"), &dummy), Outcome::Unusable { .. }));
    }

    #[test]
    fn a_cheaper_hash_is_accepted_and_replaced() {
        let params = Params::new(8, 1, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(b"secret").unwrap();
        let Outcome::Matches { better: Some(better) } =
            verify("secret", Some(&old.to_string()), &hash("dummy"))
        else {
            panic!("accepted, with a better hash");
        };
        assert_eq!(verify("secret", Some(&better), &hash("dummy")), Outcome::Matches { better: None });
    }

    #[test]
    fn bcrypt_as_others_made_it_is_accepted_and_replaced() {
        let dummy = hash("dummy");
        for (password, stored) in BY_OTHERS {
            let outcome = verify(password, Some(stored), &dummy);
            let Outcome::Matches { better: Some(better) } = outcome else { panic!("{stored}: {outcome:?}") };
            assert!(better.starts_with("$argon2id$"), "{better}");
            assert_eq!(verify(password, Some(&better), &dummy), Outcome::Matches { better: None });
            assert_eq!(verify("another", Some(stored), &dummy), Outcome::Differs, "{stored}");
        }
    }

    /// bcrypt reads 72 bytes. Who had a longer password still signs in, and it counts in full from then on.
    #[test]
    fn what_bcrypt_cut_off_counts_once_the_hash_is_replaced() {
        let (long, dummy) = ("x".repeat(80), hash("dummy"));
        let stored = bcrypt::hash_with_salt(&long, 4, [7; 16]).unwrap().to_string();
        let Outcome::Matches { better: Some(better) } = verify(&long, Some(&stored), &dummy) else {
            panic!("accepted, with a better hash");
        };
        assert_eq!(verify(&long[..79], Some(&better), &dummy), Outcome::Differs);
    }

    #[test]
    fn a_hash_that_cannot_be_used_is_refused_with_the_reason() {
        let dummy = hash("dummy");
        let good = BY_OTHERS[1].1;
        let cases = [
            (String::new(), "neither argon2 nor bcrypt"),
            ("$2b$".to_owned(), "malformed"),
            (good[..59].to_owned(), "malformed"),
            (format!("{good}x"), "malformed"),
            (good.replacen("06", "xx", 1), "not a number"),
            (good.replacen("06", "03", 1), "between 4 and 31"),
            (good.replacen("06", "31", 1), "a cost of 31 is more than 16"),
            (good.replacen("06", "99", 1), "a cost of 99 is more than 16"),
            (good.replace("bvum", "ä!"), "malformed"),
            (good.replace("bvum", "!!!!"), "base64"),
            (good.replacen("$2a$", "$2x$", 1), "neither argon2 nor bcrypt"),
            ("$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4".to_owned(), "argon2"),
        ];
        for (stored, words) in cases {
            let outcome = verify("abc", Some(&stored), &dummy);
            let Outcome::Unusable { reason } = outcome else { panic!("{stored}: {outcome:?}") };
            assert!(reason.contains(words), "{stored}: {reason}");
        }
    }
}
