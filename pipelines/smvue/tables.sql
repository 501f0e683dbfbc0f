-- The tables of the app as the pipelines of this folder expect them: psql "$SMVUE_DATABASE_URL" -f tables.sql
CREATE TABLE team_members (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text NOT NULL, email text, active boolean,
    coached boolean NOT NULL DEFAULT true, role text NOT NULL DEFAULT 'none',
    manager_id bigint REFERENCES team_members);
CREATE TABLE crm_pipelines (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, code text, name text, active boolean, is_default boolean);
CREATE TABLE crm_stages (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text, sort_order integer,
    probability numeric(5,2), is_closed boolean, is_won boolean);
CREATE TABLE accounts (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text, domain text, industry text,
    owner_id bigint REFERENCES team_members, parent_id bigint REFERENCES accounts);
CREATE TABLE contacts (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text, email text, title text,
    account_id bigint REFERENCES accounts);
CREATE TABLE leads (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text, company text, email text, status text,
    owner_id bigint REFERENCES team_members);
CREATE TABLE opportunities (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, name text, amount numeric(18,2), currency text,
    close_date date, stage text, probability numeric, owner_id bigint NOT NULL REFERENCES team_members,
    account_id bigint REFERENCES accounts, pipeline_id bigint REFERENCES crm_pipelines, created_at timestamptz,
    modified_at timestamptz, is_closed boolean, is_won boolean, custom jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE opportunity_stage_history (id bigserial PRIMARY KEY, salesforce_id text UNIQUE,
    opportunity_id bigint NOT NULL REFERENCES opportunities, stage text, amount numeric(18,2), probability numeric(5,2),
    close_date date, changed_by_id bigint REFERENCES team_members, changed_at timestamptz);
CREATE TABLE lead_history (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, lead_id bigint NOT NULL REFERENCES leads,
    field text, old_value text, new_value text, changed_at timestamptz);
CREATE TABLE opportunity_contacts (id bigserial PRIMARY KEY, salesforce_id text UNIQUE,
    opportunity_id bigint NOT NULL REFERENCES opportunities, contact_id bigint NOT NULL REFERENCES contacts, role text, is_primary boolean);
CREATE TABLE opportunity_collaborators (id bigserial PRIMARY KEY, salesforce_id text UNIQUE,
    opportunity_id bigint NOT NULL REFERENCES opportunities, member_id bigint NOT NULL REFERENCES team_members, role text);
CREATE TABLE account_collaborators (id bigserial PRIMARY KEY, salesforce_id text UNIQUE,
    account_id bigint NOT NULL REFERENCES accounts, member_id bigint NOT NULL REFERENCES team_members, role text);
CREATE TABLE activities (id bigserial PRIMARY KEY, salesforce_id text UNIQUE, kind text NOT NULL, subject text, body text,
    happened_at timestamptz, member_id bigint NOT NULL REFERENCES team_members, opportunity_id bigint REFERENCES opportunities,
    contact_id bigint REFERENCES contacts);
