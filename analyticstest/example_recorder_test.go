// A unit test of code that makes calls, in short.

package analyticstest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/headwater-dev/analytics"
	"github.com/headwater-dev/analytics/analyticstest"
)

// signUp stands for the code under test. It takes the client that the program
// uses: there is nothing to mock.
func signUp(ctx context.Context, client *analytics.Client, userID, plan string) error {
	return client.Track(ctx, analytics.Track{
		UserID: userID, Event: "Signed Up", Properties: analytics.Properties{"plan": plan},
	})
}

// Do something, flush, look at the calls it made.
func ExampleNewClient() {
	client, recorder, err := analyticstest.NewClient(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	fmt.Println(signUp(ctx, client, "user_123", "pro"))
	fmt.Println(client.Flush(ctx))

	for _, call := range recorder.Events("Signed Up") {
		fmt.Println(call, "on plan", call.Str("properties.plan"))
	}
	// Output:
	// <nil>
	// <nil>
	// track "Signed Up" of user_123 on plan pro
}

// A delivery that fails, for code that looks at receipts.
func ExampleRecorder_Fail() {
	receipts := make(chan analytics.Receipt, 2)
	client, recorder, err := analyticstest.NewClient(&analytics.Config{
		OnReceipt: func(r analytics.Receipt) { receipts <- r },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	ctx := context.Background()
	recorder.Fail(errors.New("connection lost"), &analytics.ResponseError{StatusCode: 403})
	fmt.Println(signUp(ctx, client, "user_123", "pro"))
	r := <-receipts
	fmt.Println(r.Attempts, r.Err)

	fmt.Println(signUp(ctx, client, "user_123", "pro"))
	r = <-receipts
	fmt.Println(r.Attempts, r.Err)
	// Output:
	// <nil>
	// 2 analytics: server answered 403
	// <nil>
	// 1 <nil>
}
