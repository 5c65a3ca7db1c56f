package changeemail

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users/internal/credential"
	"function/functions/users/internal/lifecycle"
	"function/functions/users/internal/notify"
	"function/functions/users/internal/person"
	"function/shared/act"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
)

// Change mails a token to the new address. It does not look up whether the address has an
// account, so that the caller cannot find out.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.mailer.Require(); err != nil {
		return nil, err
	}
	credentials, err := credential.CredentialsOf(ctx, f.Passwords, caller.UserID)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "emails:ask_change", ResourceID: caller.UserID.String()}
	if err := credential.ProvePassword(ctx, f.Passwords, caller, credentials, in.Body.Password, "body.password"); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	err = f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		may, err := notify.MayMail(ctx, f.Store, tx, notify.EmailChange, person.EmailIndex(f.Store.Keeper, string(in.Body.Email)))
		if err != nil {
			return err
		}
		if !may {
			refused := entry
			refused.Refused = "address was mailed too often"
			return audit.Record(ctx, tx, refused)
		}
		if err := f.mail(ctx, tx, caller.UserID, string(in.Body.Email)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	if err != nil {
		return nil, fmt.Errorf("ask for a change of address: %w", err)
	}
	return nil, nil
}

func (f *Function) mail(ctx context.Context, tx *outbox.Tx, user uuid.UUID, newAddress string) error {
	key, err := person.KeyOf(ctx, f.Store, tx, user)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, notify.NewAddressField, newAddress)
	if err != nil {
		return err
	}
	token, present, err := notify.NewMailedToken(ctx, f.Store, tx, notify.EmailChange, user, sealed)
	if err != nil {
		return err
	}
	if err := f.mailer.Queue(ctx, tx, user, f.mailer.ConfirmEmailChange(newAddress, token)); err != nil {
		return err
	}
	return f.mailer.Queue(ctx, tx, user, f.mailer.EmailChangeRequested(present))
}

// Confirm changes the address for a person who has received the mail at the new address and
// knows the account's password.
func (f *Function) Confirm(ctx context.Context, in *ConfirmRequest) (*struct{}, error) {
	entry := audit.Entry{Action: "emails:change"}
	if err := credential.ProveOwnership(ctx, f.Passwords, notify.EmailChange, in.Body.Token, in.Body.Password); err != nil {
		return nil, act.Refused(ctx, f.Store.DB, entry, err)
	}
	err := f.Store.DB.Transact(ctx, func(tx *outbox.Tx) error {
		user, sealed, err := notify.UseMailedToken(ctx, tx, notify.EmailChange, in.Body.Token)
		if err != nil {
			return err
		}
		entry.ActorID, entry.ResourceID = user, user.String()
		key, err := person.KeyOf(ctx, f.Store, tx, user)
		if err != nil {
			return err
		}
		address, err := secret.Unseal(key, notify.NewAddressField, sealed)
		if err != nil {
			return err
		}
		if err := lifecycle.ReplaceAddress(ctx, f.Store, tx, f.mailer, user, address, true); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	if database.Violates(err, person.EmailTaken) {
		err = fault.New(fault.Conflict, "Another account now has this address. Ask for the change with a different address.")
	}
	if err != nil {
		return nil, fmt.Errorf("change address: %w", act.Refused(ctx, f.Store.DB, entry, err))
	}
	return nil, nil
}
