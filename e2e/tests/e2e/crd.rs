//! The resource as the API server takes it: good specs are accepted, bad ones refused with what to write instead, and
//! every field is explained.
