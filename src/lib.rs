//! sfsync keeps Salesforce and the systems around it equal.
