package changeemail

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"function/functions/users"
	"function/shared/audit"
	"function/shared/auth"
	"function/shared/database"
	"function/shared/fault"
	"function/shared/outbox"
	"function/shared/secret"
)

// Change mails a token to the new address. Whether somebody has an account with it
// is not looked up, so that the caller does not learn it.
func (f *Function) Change(ctx context.Context, in *ChangeRequest) (*struct{}, error) {
	caller, err := auth.CallerFrom(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.post.Needed(); err != nil {
		return nil, err
	}
	credentials, err := f.CredentialsOf(ctx, caller.UserID)
	if err != nil {
		return nil, err
	}
	entry := audit.Entry{Action: "emails:ask_change", ResourceID: caller.UserID.String()}
	if err := f.Prove(ctx, caller, credentials, in.Body.Password, "body.password"); err != nil {
		return nil, f.Refused(ctx, entry, err)
	}
	err = f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		may, err := f.MayMail(ctx, tx, users.EmailChange, users.EmailIndex(f.Keeper, string(in.Body.Email)))
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
	key, err := f.KeyOf(ctx, tx, user)
	if err != nil {
		return err
	}
	sealed, err := secret.Seal(key, users.NewAddressField, newAddress)
	if err != nil {
		return err
	}
	token, present, err := f.NewMailedToken(ctx, tx, users.EmailChange, user, sealed)
	if err != nil {
		return err
	}
	if err := f.post.Queue(ctx, tx, user, f.post.ConfirmEmailChange(newAddress, token)); err != nil {
		return err
	}
	return f.post.Queue(ctx, tx, user, f.post.EmailChangeAsked(present))
}

// Confirm changes the address, for whoever reads the mail to the new one.
func (f *Function) Confirm(ctx context.Context, in *ConfirmRequest) (*struct{}, error) {
	entry := audit.Entry{Action: "emails:change"}
	err := f.DB.Transact(ctx, func(tx *outbox.Tx) error {
		user, sealed, err := users.UseMailedToken(ctx, tx, users.EmailChange, in.Body.Token)
		if err != nil {
			return err
		}
		entry.ActorID, entry.ResourceID = user, user.String()
		key, err := f.KeyOf(ctx, tx, user)
		if err != nil {
			return err
		}
		address, err := secret.Unseal(key, users.NewAddressField, sealed)
		if err != nil {
			return err
		}
		if err := f.ReplaceAddress(ctx, tx, f.post, user, address, true); err != nil {
			return err
		}
		return audit.Record(ctx, tx, entry)
	})
	if database.Violates(err, users.EmailTaken) {
		err = fault.New(fault.Conflict, "Somebody has an account with this address by now")
	}
	if err != nil {
		return nil, fmt.Errorf("change address: %w", f.Refused(ctx, entry, err))
	}
	return nil, nil
}
