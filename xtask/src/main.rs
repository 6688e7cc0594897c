fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let r = match args[0].as_str() { "stores" => xtask::images::stores_command(), _ => xtask::images::command(&args[1..]) };
    if let Err(e) = r { eprintln!("error: {e:#}"); std::process::exit(1) }
}
