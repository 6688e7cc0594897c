//! The supervisor of one cluster, the first process inside it, and the first process of each node. All the work is
//! in the library.

fn main() -> anyhow::Result<()> {
    cluster::program()
}
