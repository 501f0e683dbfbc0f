//! R: what fails while running.

family_pages! {
    "R101", "the other system did not answer in time", "Tried again with growing pauses.";
    "R102", "the other system is unavailable", "It answered with an error of its own (5xx). Tried again with growing pauses.";
    "R103", "a limit of the other system is reached", "The work goes on when the limit allows; the place is kept.";
    "R104", "signed out", "The sign-in is no longer valid. Sign in again with `sfsync connect`.";
    "R105", "the network failed", "The connection could not be made or broke off. Tried again with growing pauses.";
    "R106", "the answer is not what the system promises", "HTML instead of JSON, a broken body. Tried again a few times.";
    "R107", "fewer records came than were announced", "An incomplete answer is never taken for success; the page is read again.";
    "R108", "the table lacks something the pipeline writes", "The statement that adds it is in the message.";
    "R109", "the system cannot do this", "The operation is not offered by this kind of connection.";
    "R110", "another pipeline could not bring a record in", "It is tried again with the record that needs it.";
<<<<<<< HEAD
    "R121", "the database is busy", "Somebody else writes the same rows or holds a lock. Tried again.";
    "R122", "the disk of the database is full", "Nothing is lost; free some space, the work goes on by itself.";
    "R123", "the database failed", "The message has its own words.";
    "R124", "the database refused the sign-in", "Compare user, password, database name and `tls` of the connection.";
    "R201", "the record was refused", "The other system's own words are in the message. Tried again when the record or the pipeline changes, or by hand.";
    "R211", "Salesforce refused the record", "A validation rule, a required field, a missing right: the message quotes it.";
    "R212", "the row was locked", "Somebody else was writing it. Tried again.";
    "R221", "the database already has such a record", "A unique column would have the same value twice.";
    "R222", "a required column would be empty", "Write a row for it, or give the row a `default`.";
    "R223", "the database has no record that this one refers to", "A foreign key refused it; write parents first, or `lookup` with `missing: wait`.";
    "R224", "a check of the database refused the record", "The message names the constraint.";
    "R225", "a value does not fit into the column", "Its type, length or digits; the message names the column.";
    "R226", "a text has a NUL character", "Databases do not keep it; remove it with an expression.";
    "R229", "the database refused the record", "Its own words are in the message.";
=======
    "R120", "a permission or a feature of the org is missing", "The org refuses what the pipeline needs. The message names what an administrator has to give or switch on.";
    "R121", "the API budget is used up", "`api_budget` of the connection: at 80 % first loads and comparisons wait, at 100 % everything but push. It goes on by itself as the day rolls on; the place is kept.";
    "R122", "Salesforce refused the request", "A field or object that is missing or hidden, a filter it cannot run, an API version it does not have. The message quotes the reason.";
    "R123", "a bulk job failed", "Salesforce could not finish the job, or its results are gone. It is made again where that can help.";
    "R124", "an answer that is not known", "Salesforce answered with a code that sfsync does not know, so the pipeline stops rather than guess. Please report it.";
    "R125", "an address that must not be used", "Addresses are https; plain http is for this machine only, and an org may not redirect anywhere else. Correct `domain` or `login_url`.";
    "R126", "the connection forbids this write", "`read_only` or `protect` of the connection; it holds for every pipeline. Nothing was sent.";
    "R201", "the record was refused", "The other system's own words are in the message. Tried again when the record or the pipeline changes, or by hand.";
    "R211", "Salesforce refused the record", "A validation rule, a required field, a missing right: the message quotes it.";
    "R212", "the row was locked", "Somebody else was writing it. Tried again.";
    "R231", "the linked Salesforce record is gone or its id is broken", "It was deleted or hidden. `sfsync links` shows the pair.";
    "R232", "Salesforce has this record already", "A unique field, an external id or a duplicate rule. Link to the record it names instead of creating one.";
    "R233", "the record it refers to is missing in Salesforce", "It is deleted, hidden, or not created yet. Tried again when it is there.";
    "R234", "the record is locked", "An approval process, an archive, a conversion: nobody may change it now.";
    "R235", "the org's storage is full", "Nothing can be written until an administrator makes room.";
    "R236", "another record of the same request failed", "This one is sent again without it.";
    "R237", "the record changed in the meantime", "It is read and decided again.";
    "R238", "the org is read-only during maintenance", "Reading goes on; writing is tried again.";
    "R239", "sfsync sent something wrong", "This is a bug in sfsync: please report it with the message.";
>>>>>>> main
    "R301", "several records match", "Nobody but a person can say which one it is. Link it by hand (`manual_links`) or make the match unique.";
    "R302", "two Salesforce records belong to one app record", "With `links: one_to_one` both are held until one link is left.";
    "R303", "both sides changed the same field", "`conflict: hold`: nobody wins until somebody decides.";
    "R304", "the record a lookup needs is not linked", "`missing: fail` reports it.";
    "R305", "waits for a lookup", "The record is kept back until the record it refers to is linked; after 24 hours it is a failure.";
    "R306", "the linked record vanished", "The record at the other end of the link is not there any more.";
    "R401", "an expression reached a limit", "50 000 operations, 1 MiB of text, 1 000 items, 32 levels. Only this record fails.";
    "R402", "an expression cannot be computed for this record", "The message names the place; write `?? 0` or `?? false` where a value may be empty.";
    "R403", "the expression engine failed", "This is a bug in sfsync; only this record is affected.";
    "R404", "the pipeline reports this record", "An expression called `fail(…)`.";
    "R405", "a value is not listed in `values`", "Add it, or `else:` for all others.";
    "R406", "a value does not fit the field", "It cannot be converted without losing something.";
}
