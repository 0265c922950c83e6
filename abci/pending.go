package abci

import (
	"fmt"
	"sync"

	"mprd/app"
	"mprd/tx"
)

// pendingPerAccountMax bounds how many txs of one account wait in the mempool.
const pendingPerAccountMax = 64

// reservedPart of the mempool's room, by number and by bytes, is left for what pays no fee.
const reservedPart = 4

// pendingTxs is what the mempool holds of each account: how many txs, what they will cost, and under which
// nonces. It is emptied in Commit and filled again by the rechecks that follow.
type pendingTxs struct {
	mu       sync.Mutex
	accounts map[tx.Address]*pendingAccount
	nonces   map[tx.Digest]tx.Digest // nonce -> hash of the tx that holds it
	free     map[string]int          // txs that pay no fee, by what they are about
	txs      int                     // that pay a fee
	bytes    int64                   // of those
	txsMax   int
	bytesMax int64
}

type pendingAccount struct {
	txs        int
	fees       uint64
	redeemable uint64 // of the fees, with vouchers, if there are enough
}

// newPendingTxs is for a mempool of so many txs and bytes; 0 stands for the default.
func newPendingTxs(txs int, bytes int64) *pendingTxs {
	usual := DefaultConfig()
	if txs == 0 {
		txs = usual.MempoolTxs
	}
	if bytes == 0 {
		bytes = usual.MempoolBytes
	}
	p := &pendingTxs{txsMax: txs - txs/reservedPart, bytesMax: bytes - bytes/reservedPart}
	p.reset()
	return p
}

func (p *pendingTxs) reset() {
	p.mu.Lock()
	p.accounts = make(map[tx.Address]*pendingAccount)
	p.nonces = make(map[tx.Digest]tx.Digest)
	p.free = make(map[string]int)
	p.txs, p.bytes = 0, 0
	p.mu.Unlock()
}

// add takes a tx that passed admission, or says why its account may not have it waiting. The same tx again
// changes nothing.
func (p *pendingTxs) add(hash tx.Digest, a app.Admission) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if holder, taken := p.nonces[a.Nonce]; taken {
		if holder == hash {
			return nil
		}
		return fmt.Errorf("%w: by tx %x, which waits", tx.CodeReplay, holder)
	}
	if a.Free != "" {
		return p.addFree(hash, a)
	}
	if p.txs >= p.txsMax || p.bytes+int64(a.Bytes) > p.bytesMax {
		return fmt.Errorf("%w: %d txs of %d bytes wait", tx.CodeMempoolFull, p.txs, p.bytes)
	}
	account := p.accounts[a.Signer]
	if account == nil {
		account = &pendingAccount{}
		p.accounts[a.Signer] = account
	}
	if account.txs >= pendingPerAccountMax {
		return fmt.Errorf("%w: %d", tx.CodeMempoolCap, account.txs)
	}
	redeemed := min(account.redeemable+a.Redeemable, a.Vouchers)
	if account.fees+a.Fee > a.Balance+redeemed {
		return fmt.Errorf("%w: %d and %d in vouchers, fees of what waits %d, fee %d",
			tx.CodeBalance, a.Balance, a.Vouchers, account.fees, a.Fee)
	}
	p.nonces[a.Nonce] = hash
	account.txs++
	account.fees += a.Fee
	account.redeemable += a.Redeemable
	p.txs++
	p.bytes += int64(a.Bytes)
	return nil
}

// addFree takes a tx that pays no fee: beside the cap of its account, few about the same thing.
func (p *pendingTxs) addFree(hash tx.Digest, a app.Admission) error {
	if n := p.free[a.Free]; n >= a.FreeMax {
		return fmt.Errorf("%w: %d, free, about %s", tx.CodeMempoolCap, n, a.Free)
	}
	p.free[a.Free]++
	p.nonces[a.Nonce] = hash
	return nil
}
