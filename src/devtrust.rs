//! devtrust
