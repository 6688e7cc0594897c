//! bench
pub fn command(_: &[crate::cli::Figure], _: usize, _: u64) -> anyhow::Result<()> {
    Ok(())
}
