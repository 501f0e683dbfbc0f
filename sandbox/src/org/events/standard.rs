//! Order and types of the fields in the event schemas of standard objects. The order matters: the bitmaps of an event count it.
//! Data only; read [`fields_of`] first.

/// The fields of an object's event behind the header, where the order is known; custom fields follow.
///
/// A name alone is a text; `:b` boolean, `:i` whole number, `:d` number, `:t` date-time, `:D` date, `:r` reference, `:a` address,
/// `:n` name of a person. `@F` stands only in orgs with that feature.
pub(super) fn fields_of(object: &str) -> Option<&'static str> {
    Some(match object {
        "Account" => ACCOUNT,
        "Contact" => CONTACT,
        "Lead" => LEAD,
        "Opportunity" => OPPORTUNITY,
        _ => return None,
    })
}

const ACCOUNT: &str = "Name Type RecordTypeId:r@recordtypes ParentId:r BillingAddress:a ShippingAddress:a Phone Fax \
    AccountNumber Website Sic Industry AnnualRevenue:d CurrencyIsoCode@multicurrency NumberOfEmployees:i Ownership \
    TickerSymbol Description Rating Site OwnerId:r CreatedDate:t CreatedById:r LastModifiedDate:t LastModifiedById:r \
    PersonContactId:r@persons PersonMailingAddress:a@persons PersonOtherAddress:a@persons PersonMobilePhone@persons \
    PersonHomePhone@persons PersonOtherPhone@persons PersonAssistantPhone@persons PersonEmail@persons \
    PersonTitle@persons PersonDepartment@persons PersonAssistantName@persons PersonLeadSource@persons \
    PersonBirthdate:D@persons PersonHasOptedOutOfEmail:b@persons PersonHasOptedOutOfFax:b@persons \
    PersonDoNotCall:b@persons PersonLastCURequestDate:t@persons PersonLastCUUpdateDate:t@persons \
    PersonEmailBouncedReason@persons PersonEmailBouncedDate:t@persons PersonIndividualId:r@persons \
    PersonPronouns@persons PersonGenderIdentity@persons Jigsaw JigsawCompanyId CleanStatus AccountSource DunsNumber \
    Tradestyle NaicsCode NaicsDesc YearStarted SicDesc DandbCompanyId:r OperatingHoursId:r";

const CONTACT: &str = "AccountId:r IsPersonAccount:b@persons Name:n OtherAddress:a MailingAddress:a Phone Fax MobilePhone \
    HomePhone OtherPhone AssistantPhone ReportsToId:r Email Title Department AssistantName LeadSource Birthdate:D \
    Description OwnerId:r HasOptedOutOfEmail:b HasOptedOutOfFax:b DoNotCall:b CreatedDate:t CreatedById:r \
    LastModifiedDate:t LastModifiedById:r LastCURequestDate:t LastCUUpdateDate:t EmailBouncedReason EmailBouncedDate:t \
    Jigsaw JigsawContactId CleanStatus IndividualId:r Pronouns GenderIdentity ContactSource BuyerAttributes";

const LEAD: &str = "Name:n Title Company Address:a Phone MobilePhone Fax Email Website Description LeadSource Status \
    Industry Rating AnnualRevenue:d NumberOfEmployees:i OwnerId:r HasOptedOutOfEmail:b IsConverted:b ConvertedDate:D \
    ConvertedAccountId:r ConvertedContactId:r ConvertedOpportunityId:r IsUnreadByOwner:b CreatedDate:t CreatedById:r \
    LastModifiedDate:t LastModifiedById:r DoNotCall:b HasOptedOutOfFax:b LastTransferDate:D Jigsaw JigsawContactId \
    CleanStatus CompanyDunsNumber DandbCompanyId:r EmailBouncedReason EmailBouncedDate:t IndividualId:r Pronouns \
    GenderIdentity";

const OPPORTUNITY: &str = "AccountId:r IsPrivate:b Name Description StageName Amount:d CurrencyIsoCode@multicurrency \
    Probability:d ExpectedRevenue:d TotalOpportunityQuantity:d CloseDate:D Type NextStep LeadSource IsClosed:b IsWon:b \
    ForecastCategory ForecastCategoryName CampaignId:r HasOpportunityLineItem:b Pricebook2Id:r OwnerId:r CreatedDate:t \
    CreatedById:r LastModifiedDate:t LastModifiedById:r LastStageChangeDate:t ContactId:r ContractId:r \
    LastAmountChangedHistoryId:r LastCloseDateChangedHistoryId:r";
