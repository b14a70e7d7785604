package collector

import "context"

// manyObjects is from how many objects on a commit takes part of the Budget. Up to there nothing is compressed yet, and no memory to speak of is
// needed.
const manyObjects = 200

// Budget bounds how many commits of many objects all the syncs that share it put together at a time. Each holds some 40 MB of pages that are being
// compressed and of answers on their way. What waits for its turn holds back its list: the server's next page is asked for later. A list
// without a difference makes no commit and never waits. A nil Budget has no bound.
type Budget struct{ turns chan struct{} }

// NewBudget makes a Budget of so many commits.
func NewBudget(commits int) *Budget { return &Budget{turns: make(chan struct{}, commits)} }

// share is what one list has of a Budget.
type share struct {
	budget *Budget
	held   bool
}

// take waits for a turn, once.
func (s *share) take(ctx context.Context) error {
	if s.held || s.budget == nil {
		return nil
	}
	select {
	case s.budget.turns <- struct{}{}:
		s.held = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// giveBack lets another have the turn.
func (s *share) giveBack() {
	if s.held {
		<-s.budget.turns
		s.held = false
	}
}
