package functions_test

// matrix lists every operation of the platform with the roles that may call it. `anyone` needs no
// token. `person` is everybody who is logged in, regardless of role; the operation concerns their
// own data. `service_account` is a program that has the permission; people may not call the
// operation. The matrix is maintained by hand and compared with what the platform allows; a
// missing operation fails the test.
const matrix = `# Accounts and sessions
users-register                       anyone
users-confirm-registration           anyone
users-verify-email                   anyone
users-send-verification              person
users-change-email                   person
users-confirm-email-change           anyone
users-change-password                person
users-forgot-password                anyone
users-reset-password                 anyone
users-password-strength              anyone
users-unlock                         anyone
users-login                          anyone
users-refresh                        anyone
users-logout                         person
users-profile                        person
users-list-sessions                  person
users-revoke-session                 person
users-revoke-all-sessions            person
users-list-identities                person
users-link-identity                  person
users-unlink-identity                person
users-list-api-keys                  person
users-create-api-key                 person
users-rotate-api-key                 person
users-revoke-api-key                 person
users-update-profile                 person
users-erase-account                  person
users-activity                       person
users-export-data                    person
users-jwks                           anyone
users-page-confirm-registration      anyone
users-page-verify-email              anyone
users-well-known-change-password     anyone
users-well-known-security            anyone
users-page-confirm-email-change      anyone
users-page-forgot-password           anyone
users-page-reset-password            anyone
users-page-unlock                    anyone
users-page-accept-invitation         anyone
users-page-register-by-invitation    anyone
users-switch-organization            person

# Organizations
users-list-organizations             person
users-create-organization            person
users-get-organization               owner admin compliance_officer member analyst viewer
users-rename-organization            owner admin
users-delete-organization            owner
users-restore-organization           person
users-get-organization-settings      owner admin compliance_officer member analyst viewer
users-change-organization-settings   owner admin
users-end-second-person              owner admin
users-transfer-ownership             owner

# Members and invitations
users-list-members                   owner admin compliance_officer member analyst viewer
users-search-members                 owner admin compliance_officer member analyst viewer
users-get-member                     owner admin compliance_officer member analyst viewer
users-approve-member                 owner admin
users-reject-member                  owner admin
users-suspend-member                 owner admin
users-restore-member                 owner admin
users-remove-member                  owner admin
users-leave-organization             person
users-invite                         owner admin
users-list-invitations               owner admin
users-revoke-invitation              owner admin
users-look-up-invitation             anyone
users-accept-invitation              person

# Teams
users-list-teams                     owner admin compliance_officer member analyst viewer
users-get-team                       owner admin compliance_officer member analyst viewer
users-create-team                    owner admin
users-rename-team                    owner admin
users-move-team                      owner admin
users-delete-team                    owner admin
users-list-team-members              owner admin compliance_officer member analyst viewer
users-add-team-member                owner admin
users-remove-team-member             owner admin

# Roles
users-list-roles                     owner admin compliance_officer
users-define-role                    owner admin
users-delete-role                    owner admin
users-assign-role                    owner admin
users-list-grants                    owner admin compliance_officer
users-grant-role                     owner admin
users-revoke-grant                   owner admin
users-list-role-changes              owner admin compliance_officer
users-approve-role-change            owner admin compliance_officer
users-reject-role-change             owner admin compliance_officer
users-withdraw-role-change           owner admin compliance_officer member analyst viewer
users-explain                        person

# Service accounts
users-list-service-accounts          owner admin compliance_officer
users-get-service-account            owner admin compliance_officer
users-create-service-account         owner admin
users-change-service-account         owner admin
users-delete-service-account         owner admin
users-list-service-account-keys      owner admin compliance_officer
users-create-service-account-key     owner admin
users-rotate-service-account-key     owner admin
users-revoke-service-account-key     owner admin

# Provisioning from outside (SCIM)
users-scim-discovery-config          service_account
users-scim-discovery-schema          service_account
users-scim-discovery-schemas         service_account
users-scim-discovery-type            service_account
users-scim-discovery-types           service_account
users-scim-discovery-me              service_account
users-scim-users-search              service_account
users-scim-groups-search             service_account
users-hand-over-team                 owner admin
users-take-back-team                 owner admin
users-list-domains                   owner admin compliance_officer member analyst viewer
users-claim-domain                   owner admin
users-verify-domain                  owner admin
users-remove-domain                  owner admin
users-scim-users-list                service_account
users-scim-users-get                 service_account
users-scim-users-create              service_account
users-scim-users-replace             service_account
users-scim-users-patch               service_account
users-scim-users-delete              service_account
users-scim-groups-list               service_account
users-scim-groups-get                service_account
users-scim-groups-create             service_account
users-scim-groups-replace            service_account
users-scim-groups-patch              service_account
users-scim-groups-delete             service_account

# Data sets
datasets-accept-version              owner admin compliance_officer
datasets-approve-access-request      owner admin compliance_officer
datasets-approve-proposal            owner admin compliance_officer
datasets-cancel-job                  owner admin member
datasets-change-metadata             owner admin member
datasets-check-document-schema       owner admin compliance_officer member analyst viewer
datasets-complete-direct-upload      owner admin member
datasets-continue-upload             owner admin member
datasets-create                      owner admin member
datasets-create-branch               owner admin member
datasets-create-upload               owner admin member
datasets-decline-access-request      owner admin compliance_officer
datasets-delete                      owner admin member
datasets-delete-branch               owner admin member
datasets-delete-document             owner admin member
datasets-delete-document-schema      owner admin member
datasets-delete-lifecycle            owner admin member
datasets-delete-object               owner admin member
datasets-delete-policy               owner admin compliance_officer
datasets-delete-tag                  owner admin member
datasets-delete-term                 owner admin compliance_officer
datasets-delete-upload               owner admin member
datasets-derive                      owner admin member
datasets-diff                        owner admin compliance_officer member analyst viewer
datasets-diff-page                   owner admin compliance_officer member analyst viewer
datasets-download                    owner admin compliance_officer member analyst viewer
datasets-end-derivation              owner admin member
datasets-find-documents              owner admin compliance_officer member analyst viewer
datasets-get                         owner admin compliance_officer member analyst viewer
datasets-get-contract                owner admin compliance_officer member analyst viewer
datasets-get-derivation              owner admin compliance_officer member analyst viewer
datasets-get-document                owner admin compliance_officer member analyst viewer
datasets-get-document-schema         owner admin compliance_officer member analyst viewer
datasets-get-hold                    owner admin compliance_officer member
datasets-get-lifecycle               owner admin compliance_officer member analyst viewer
datasets-get-metadata                owner admin compliance_officer member analyst viewer
datasets-get-object                  owner admin compliance_officer member analyst viewer
datasets-get-object-metadata         owner admin compliance_officer member analyst viewer
datasets-get-profile                 owner admin compliance_officer member analyst viewer
datasets-get-proposal                owner admin compliance_officer member analyst viewer
datasets-get-quality                 owner admin compliance_officer member analyst viewer
datasets-get-status                  owner admin compliance_officer member analyst viewer
datasets-get-term                    owner admin compliance_officer member analyst viewer
datasets-get-upload                  owner admin member
datasets-get-usage                   owner admin compliance_officer member analyst viewer
datasets-get-version                 owner admin compliance_officer member analyst viewer
datasets-hold                        owner admin compliance_officer
datasets-iceberg-commit              owner admin member
datasets-iceberg-commit-transaction  owner admin compliance_officer member analyst viewer
datasets-iceberg-config              owner admin compliance_officer member analyst viewer
datasets-iceberg-create-namespace    owner admin compliance_officer member analyst viewer
datasets-iceberg-create-table        owner admin member
datasets-iceberg-create-view         owner admin compliance_officer member analyst viewer
datasets-iceberg-credentials         owner admin compliance_officer member analyst viewer
datasets-iceberg-delete-namespace    owner admin compliance_officer member analyst viewer
datasets-iceberg-delete-table        owner admin member
datasets-iceberg-metrics             owner admin compliance_officer member analyst viewer
datasets-iceberg-namespace           owner admin compliance_officer member analyst viewer
datasets-iceberg-namespace-exists    owner admin compliance_officer member analyst viewer
datasets-iceberg-namespace-properties owner admin compliance_officer member analyst viewer
datasets-iceberg-namespaces          owner admin compliance_officer member analyst viewer
datasets-iceberg-register-table      owner admin compliance_officer member analyst viewer
datasets-iceberg-rename-table        owner admin compliance_officer member analyst viewer
datasets-iceberg-table               owner admin compliance_officer member analyst viewer
datasets-iceberg-table-exists        owner admin compliance_officer member analyst viewer
datasets-iceberg-tables              owner admin compliance_officer member analyst viewer
datasets-iceberg-token               anyone
datasets-import                      owner admin member
datasets-insert-document             owner admin member
datasets-lineage                     owner admin compliance_officer member analyst viewer
datasets-lineage-events              owner admin compliance_officer member analyst viewer
datasets-lineage-picture             owner admin compliance_officer member analyst viewer
datasets-list                        owner admin compliance_officer member analyst viewer
datasets-list-access-requests        owner admin compliance_officer
datasets-list-branches               owner admin compliance_officer member analyst viewer
datasets-list-jobs                   owner admin compliance_officer member analyst viewer
datasets-list-objects                owner admin compliance_officer member analyst viewer
datasets-list-personal-data          owner admin compliance_officer member analyst viewer
datasets-list-policies               owner admin compliance_officer
datasets-list-proposals              owner admin compliance_officer member analyst viewer
datasets-list-quality                owner admin compliance_officer member analyst viewer
datasets-list-shares                 owner admin compliance_officer
datasets-list-tags                   owner admin compliance_officer member analyst viewer
datasets-list-terms                  owner admin compliance_officer member analyst viewer
datasets-list-versions               owner admin compliance_officer member analyst viewer
datasets-merge-branch                owner admin member
datasets-override-upload             owner admin member
datasets-patch-document              owner admin member
datasets-preview-lifecycle           owner admin compliance_officer member analyst viewer
datasets-issue-s3-credentials        owner admin compliance_officer member analyst viewer
datasets-preview-merge               owner admin compliance_officer member analyst viewer
datasets-propose                     owner admin member
datasets-protect                     owner admin compliance_officer
datasets-put-document                owner admin member
datasets-put-object                  owner admin member
datasets-put-object-metadata         owner admin member
datasets-recall                      owner admin member
datasets-record-lineage              owner admin member
datasets-reject-proposal             owner admin compliance_officer
datasets-release-hold                owner admin compliance_officer
datasets-request-access              owner admin compliance_officer member analyst viewer
datasets-restore-version             owner admin member
datasets-retry                       owner admin member
datasets-revoke-share                owner admin compliance_officer
datasets-s3-credentials              owner admin compliance_officer member analyst viewer
datasets-search                      owner admin compliance_officer member analyst viewer
datasets-set-contract                owner admin member
datasets-set-document-schema         owner admin member
datasets-set-lifecycle               owner admin member
datasets-set-personal-data           owner admin compliance_officer
datasets-set-policy                  owner admin compliance_officer
datasets-set-term                    owner admin compliance_officer
datasets-set-visibility              owner admin compliance_officer
datasets-share                       owner admin compliance_officer
datasets-start-direct-upload         owner admin member
datasets-status                      owner admin compliance_officer member analyst viewer
datasets-suggest                     owner admin compliance_officer member analyst viewer
datasets-suggest-contract            owner admin compliance_officer member analyst viewer
datasets-tag                         owner admin member
datasets-undelete                    owner admin member
datasets-upload                      owner admin member
datasets-upload-offset               owner admin member
datasets-upload-options              anyone
datasets-uploads-options             anyone
datasets-watch-jobs                  owner admin compliance_officer member analyst viewer
datasets-withdraw-proposal           owner admin member

# Analytics
analytics-query                      owner admin member analyst
analytics-list-queries               owner admin member analyst
analytics-get-query                  owner admin member analyst
analytics-cancel-query               owner admin member analyst
analytics-list-reports               owner admin compliance_officer member analyst viewer
analytics-get-report                 owner admin compliance_officer member analyst viewer
analytics-create-report              owner admin member analyst
analytics-delete-report              owner admin member analyst
analytics-start-run                  owner admin member analyst
analytics-list-runs                  owner admin compliance_officer member analyst viewer
analytics-get-run                    owner admin compliance_officer member analyst viewer
analytics-run-chart                  owner admin compliance_officer member analyst viewer

# Compliance
compliance-list-policies             owner admin compliance_officer member
compliance-set-policy                owner admin compliance_officer
compliance-reset-policy              owner admin compliance_officer
compliance-list-disposals            owner admin compliance_officer member

# Platform
platform-openapi                     anyone
platform-docs                        anyone
platform-metrics                     anyone
platform-list-dead-letters           owner admin compliance_officer platform_admin
platform-get-dead-letter             owner admin compliance_officer platform_admin
platform-redeliver-dead-letter       owner admin platform_admin

# Second factors
users-begin-passkey-login            anyone
users-begin-passkey-registration     person
users-begin-passkey-step-up          person
users-begin-passkey-verification     anyone
users-confirm-totp                   person
users-delete-passkey                 person
users-enrol-totp                     person
users-finish-passkey-login           anyone
users-finish-passkey-registration    person
users-get-second-factors             person
users-list-passkeys                  person
users-remove-totp                    person
users-rename-passkey                 person
users-replace-recovery-codes         person
users-step-up                        person
users-verify-second-factor           anyone

# Audit, consent
users-create-purpose                 owner admin compliance_officer
users-export-audit                   owner admin compliance_officer
users-export-platform-audit          platform_admin
users-give-consent                   person
users-list-audit                     owner admin compliance_officer
users-list-audit-checkpoints         owner admin compliance_officer
users-list-audit-keys                anyone
users-list-consent-history           person
users-list-consents                  owner admin compliance_officer
users-list-own-consents              person
users-list-platform-audit            platform_admin
users-list-platform-audit-checkpoints platform_admin
users-list-purpose-texts             owner admin compliance_officer member analyst viewer
users-list-purposes                  owner admin compliance_officer member analyst viewer
users-retire-purpose                 owner admin compliance_officer
users-revise-purpose                 owner admin compliance_officer
users-withdraw-consent               person

# Administration of the platform
users-find-users                     platform_admin
users-erase-user                     platform_admin
users-force-password-reset           platform_admin
users-get-user                       platform_admin
users-grant-platform-admin           platform_admin
users-impersonate                    platform_admin
users-reset-second-factors           platform_admin
users-restore-user                   platform_admin
users-revoke-platform-admin          platform_admin
users-suspend-user                   platform_admin
users-unlock-user                    platform_admin

`
